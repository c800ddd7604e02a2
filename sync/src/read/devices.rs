//! Whose devices and keys a client has to look up again, and whose no more (client-server,
//! "Tracking the device list for a user").

use std::collections::HashSet;
use std::sync::Arc;

use causeway_store::Position;
use causeway_store::sync::{self as queries, DeviceListQuery, Snapshot};
use ruma::{OwnedUserId, UserId};

use super::Reading;
use super::plan::{self, Kind, Refused, RoomPlan};
use crate::engine::{Inner, StateAt, SyncError, SyncRequest};
use crate::token::Token;

/// Users whose devices changed, and users who are none of the reader's business any more.
#[derive(Debug, Default)]
pub struct DeviceLists {
    /// Their devices or keys changed, or they share a room with the reader now.
    pub changed: Vec<OwnedUserId>,
    /// They share no room with the reader any more.
    pub left: Vec<OwnedUserId>,
}

/// What happened since the token of an answer that is being read.
pub(super) async fn read(reading: &mut Reading<'_>) -> Result<DeviceLists, SyncError> {
    let since = Position(reading.since());
    let user = &reading.request.user_id;
    lists(&mut reading.snapshot, user, since, &reading.rooms).await
}

/// What happened since a token, now. Two queries.
///
/// # Errors
/// If the database does not answer.
pub(crate) async fn since(
    inner: &Inner,
    user: &UserId,
    from: Token,
) -> Result<DeviceLists, SyncError> {
    let mut snapshot = Snapshot::open(&inner.store).await?;
    let rows = queries::rooms_of(&mut snapshot, user, from.position, false).await?;
    let request = SyncRequest {
        user_id: user.to_owned(),
        device_id: None,
        since: Some(from),
        filter: Arc::default(),
        full_state: false,
        state_at: StateAt::Start,
        timeout_ms: 0,
        set_presence: None,
    };
    let now = snapshot.position();
    let everybody = Refused {
        ignored: &HashSet::new(),
        invites: None,
    };
    let rooms = plan::plan(rows, &request, Some(from), everybody, now);
    lists(&mut snapshot, user, from.position, &rooms).await
}

async fn lists(
    snapshot: &mut Snapshot,
    user: &UserId,
    since: Position,
    rooms: &[RoomPlan],
) -> Result<DeviceLists, SyncError> {
    let nids = |wanted: &dyn Fn(&RoomPlan) -> bool| {
        let rooms = rooms.iter().filter(|plan| wanted(plan));
        rooms.map(|plan| plan.row.room).collect::<Vec<_>>()
    };
    let query = DeviceListQuery {
        reader: user.as_str(),
        since,
        joined: &nids(&|plan| plan.kind == Kind::Joined),
        newly_joined: &nids(&|plan| plan.kind == Kind::Joined && plan.is_new),
        newly_left: &nids(&|plan| plan.kind == Kind::Left && plan.row.was_joined),
    };
    let mut found = DeviceLists::default();
    for row in queries::device_lists(snapshot, query).await? {
        let Ok(user) = OwnedUserId::try_from(row.user) else {
            continue;
        };
        if row.shares {
            found.changed.push(user);
        } else {
            found.left.push(user);
        }
    }
    Ok(found)
}
