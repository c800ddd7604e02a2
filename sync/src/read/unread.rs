//! What is unread.

use std::collections::HashSet;

use causeway_store::RoomNid;
use causeway_store::push;

use super::plan::Kind;
use super::{Reading, ShownRooms};
use crate::answer::Answer;
use crate::engine::SyncError;
use crate::hub::Unread;

/// Adds the counts to rooms that are shown, and shows those in which they have changed.
pub(super) async fn read(
    reading: &mut Reading<'_>,
    answer: &mut Answer,
    shown: &mut ShownRooms,
) -> Result<(), SyncError> {
    let user = &reading.request.user_id;
    let changed: HashSet<RoomNid> = match reading.since {
        Some(since) => {
            let snapshot = &mut reading.snapshot;
            let rooms = push::counts_since(snapshot, user.as_str(), since.counted()).await?;
            rooms.into_iter().collect()
        }
        None => HashSet::new(),
    };
    let joined = reading
        .rooms
        .iter()
        .filter(|plan| plan.kind == Kind::Joined);
    let wanted = joined.filter(|plan| {
        let room = shown.get(&plan.row.room);
        plan.is_new || changed.contains(&plan.row.room) || room.is_some_and(|it| !it.is_empty())
    });
    let wanted: Vec<RoomNid> = wanted.map(|plan| plan.row.room).collect();
    let mut found = push::counts_in(&mut reading.snapshot, user.as_str(), &wanted).await?;
    answer.next = answer.next.with_counts(found.position);
    let told = found.position.0;
    let mut hub = reading.inner.hub.lock();
    for nid in wanted {
        let counts = found
            .rooms
            .remove(&(user.to_string(), nid))
            .unwrap_or_default();
        let Some(room) = shown.get_mut(&nid) else {
            continue;
        };
        // Only for those who are loaded: it goes when they go.
        if hub
            .rooms
            .get(&nid)
            .is_some_and(|room| room.online.contains(user))
        {
            hub.counts.put(nid, user, counts.clone(), told, told);
        }
        room.unread = if changed.contains(&nid) {
            Unread::New(counts)
        } else {
            Unread::Known(counts)
        };
    }
    Ok(())
}
