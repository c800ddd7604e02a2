//! Answers from the database: from one snapshot, with a number of queries that does not depend
//! on the number of rooms.

pub(crate) mod devices;
mod plan;
mod rest;
mod state;
mod timeline;
mod unread;

use std::collections::HashMap;
use std::sync::Arc;

use causeway_store::RoomNid;
use causeway_store::sync::{self as queries, Snapshot};
use ruma::OwnedUserId;

use self::plan::{Kind, Refused, RoomPlan};
use crate::answer::{Answer, JoinedRoom};
use crate::bundle::{Asked, bundle};
use crate::engine::{Inner, SyncError, SyncRequest};
use crate::hub::News;
use crate::token::Token;

/// What is known while an answer is read.
struct Reading<'a> {
    inner: &'a Inner,
    request: &'a SyncRequest,
    since: Option<Token>,
    snapshot: Snapshot,
    rooms: Vec<RoomPlan>,
    ephemeral: News,
}

impl Reading<'_> {
    fn since(&self) -> i64 {
        self.since.map_or(0, |since| since.position.0)
    }
}

/// Reads the answer to a request; it may be empty.
///
/// # Errors
/// If the database does not answer.
pub(crate) async fn read(
    inner: &Inner,
    request: &SyncRequest,
    since: Option<Token>,
) -> Result<Answer, SyncError> {
    metrics::counter!("causeway_sync_answers", "from" => "database").increment(1);
    inner.be_loaded(&request.user_id).await?;
    // Before the snapshot: what comes between the two is told twice rather than never.
    let ephemeral = {
        let number = since.map_or(0, |since| since.ephemeral);
        inner.hub.lock().ephemeral_since(&request.user_id, number)
    };
    let mut snapshot = Snapshot::open(&inner.store).await?;
    let position = since.map_or(causeway_store::Position(0), |since| since.position);
    let all_left = request.filter.include_leave && (since.is_none() || request.full_state);
    let rows = queries::rooms_of(&mut snapshot, &request.user_id, position, all_left).await?;
    let refused = Refused {
        ignored: &ephemeral.ignored,
        invites: ephemeral.invites.as_deref(),
    };
    let rooms = plan::plan(rows, request, since, refused, snapshot.position());
    let mut ephemeral = ephemeral;
    let new = rooms
        .iter()
        .filter(|plan| plan.kind == Kind::Joined && plan.is_new);
    let new: Vec<RoomNid> = new.map(|plan| plan.row.room).collect();
    if !new.is_empty() {
        let hub = inner.hub.lock();
        if since.is_none() {
            ephemeral.presence = hub.all_presence(&request.user_id);
        } else {
            // Those in a new room have not been heard of.
            let met = hub.presence_in(&new, &request.user_id);
            let heard = std::mem::take(&mut ephemeral.presence).into_iter();
            let others = heard.filter(|heard| !met.iter().any(|met| met.user == heard.user));
            ephemeral.presence = others.chain(met.iter().cloned()).collect();
        }
    }
    let mut reading = Reading {
        inner,
        request,
        since,
        snapshot,
        rooms,
        ephemeral,
    };
    answer(&mut reading).await
}

async fn answer(reading: &mut Reading<'_>) -> Result<Answer, SyncError> {
    let next = Token {
        position: reading.snapshot.position(),
        ephemeral: reading.ephemeral.ephemeral,
        to_device: None,
        counts: None,
    };
    let mut answer = Answer::empty(next);
    let mut shown = timeline::read(reading).await?;
    state::read(reading, &mut shown).await?;
    rest::read_rooms(reading, &mut shown).await?;
    rest::read_own(reading, &mut answer, &mut shown).await?;
    unread::read(reading, &mut answer, &mut shown).await?;
    timeline::decorate(reading, &mut shown).await?;
    bundle_all(reading, &mut shown).await?;
    (answer.invited, answer.knocked) = rest::read_stripped(reading).await?;
    let members = if reading.request.filter.lazy_members {
        members_in(&shown)
    } else {
        Vec::new()
    };
    for plan in &reading.rooms {
        let Some(room) = shown.remove(&plan.row.room) else {
            continue;
        };
        match plan.kind {
            Kind::Joined if plan.is_new || !room.is_empty() => answer.joined.push(room),
            Kind::Left => answer.left.push(room),
            _ => {}
        }
    }
    reading
        .inner
        .remember_members(reading.request, members, next.position);
    Ok(answer)
}

/// Adds what relates to the events of the rooms. Of rooms that were left, later relations are none
/// of the reader's business.
async fn bundle_all(reading: &Reading<'_>, shown: &mut ShownRooms) -> Result<(), SyncError> {
    let left: HashMap<RoomNid, i64> = reading
        .rooms
        .iter()
        .filter(|plan| plan.kind == Kind::Left)
        .map(|plan| (plan.row.room, plan.until))
        .collect();
    let mut rooms: Vec<_> = shown.values_mut().collect();
    let user = &reading.request.user_id;
    bundle(
        reading.inner,
        user,
        &reading.ephemeral.ignored,
        &mut rooms,
        Asked::All { left: &left },
    )
    .await?;
    Ok(())
}

/// Rooms that the reader is or was in, as far as they are shown.
type ShownRooms = HashMap<RoomNid, JoinedRoom>;

/// The members that the device has with the answer. Those whose membership stands in a timeline
/// only are sent once more when they speak.
fn members_in(shown: &ShownRooms) -> Vec<(RoomNid, OwnedUserId)> {
    let rooms = shown.iter();
    rooms
        .flat_map(|(nid, room)| {
            let events = room.state.iter();
            events.filter_map(|shown| Some((*nid, shown.event.member()?.to_owned())))
        })
        .collect()
}

/// Changes an event that may be shared: it is copied if it is.
fn event_mut(shown: &mut crate::event::Shown) -> Option<&mut crate::event::RoomEvent> {
    Arc::get_mut(&mut shown.event)
}
