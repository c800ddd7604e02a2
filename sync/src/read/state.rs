//! State from the database.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use causeway_store::sync::{self as queries, StateRange, SyncEvent};
use causeway_store::{EventNid, RoomNid};
use ruma::OwnedUserId;

use super::plan::{Kind, RoomPlan};
use super::{Reading, ShownRooms};
use crate::answer::JoinedRoom;
use crate::delta::summary_for;
use crate::engine::SyncError;
use crate::event::{RoomEvent, Shown};
use crate::hub::RoomSummary;

/// State events of rooms, in their order.
type States = HashMap<RoomNid, Vec<SyncEvent>>;

/// Reads the state that goes with the timelines, and the summaries.
pub(super) async fn read(
    reading: &mut Reading<'_>,
    shown: &mut ShownRooms,
) -> Result<(), SyncError> {
    let lazy = reading.request.filter.lazy_members;
    let mut states = whole_states(reading, lazy).await?;
    for row in states_between(reading, shown).await? {
        states.entry(row.room).or_default().push(row);
    }
    let summaries = summaries(reading, shown, &states).await?;
    if lazy {
        lazy_members(reading, shown, &summaries, &mut states).await?;
    }
    for plan in &reading.rooms {
        let Some(room) = shown.get_mut(&plan.row.room) else {
            continue;
        };
        let rows = states.remove(&plan.row.room).unwrap_or_default();
        set_state(plan, rows, room, reading);
        if let Some(summary) = summaries.get(&plan.row.room) {
            room.summary = Some(summary_for(summary, &reading.request.user_id));
        }
    }
    Ok(())
}

async fn whole_states(reading: &mut Reading<'_>, lazy: bool) -> Result<States, SyncError> {
    let whole = || reading.rooms.iter().filter(|plan| plan.whole_state);
    let joined: Vec<RoomNid> = whole()
        .filter(|plan| plan.kind == Kind::Joined)
        .map(|plan| plan.row.room)
        .collect();
    let left: Vec<_> = whole()
        .filter(|plan| plan.kind == Kind::Left)
        .map(|plan| (plan.row.room, plan.row.state))
        .collect();
    let mut rows = queries::current_state(&mut reading.snapshot, &joined, !lazy).await?;
    rows.extend(queries::states_at(&mut reading.snapshot, &left).await?);
    let mut states = States::new();
    for row in rows {
        states.entry(row.room).or_default().push(row);
    }
    Ok(states)
}

/// What changed and is not in the timelines: in a gap, or filtered out. With `use_state_after`
/// also what is in them.
async fn states_between(
    reading: &mut Reading<'_>,
    shown: &ShownRooms,
) -> Result<Vec<SyncEvent>, SyncError> {
    let after_timeline = reading.request.state_at.is_end();
    let may_hide = after_timeline || !reading.request.filter.takes_whole_timelines();
    let mut ranges = Vec::new();
    let mut in_timeline: Vec<EventNid> = Vec::new();
    for plan in reading.rooms.iter().filter(|plan| !plan.whole_state) {
        let (Some(room), Some(after)) = (shown.get(&plan.row.room), plan.after) else {
            continue;
        };
        if after < plan.until {
            ranges.push(StateRange {
                room: plan.row.room,
                after,
                until: plan.until,
                only_resolved: !room.limited && !may_hide,
            });
            in_timeline.extend(room.timeline.iter().map(|shown| shown.event.nid));
        }
    }
    let hidden: &[EventNid] = if after_timeline { &[] } else { &in_timeline };
    Ok(queries::state_between(&mut reading.snapshot, &ranges, hidden).await?)
}

/// Summaries of the rooms that are new, or whose members or name changed.
async fn summaries(
    reading: &mut Reading<'_>,
    shown: &ShownRooms,
    states: &States,
) -> Result<HashMap<RoomNid, RoomSummary>, SyncError> {
    let changes = |plan: &&RoomPlan| {
        let Some(room) = shown.get(&plan.row.room) else {
            return false;
        };
        let tells = |kind: &str| {
            matches!(
                kind,
                "m.room.member" | "m.room.name" | "m.room.canonical_alias"
            )
        };
        let in_state = states.get(&plan.row.room).into_iter().flatten();
        plan.whole_state
            || room
                .timeline
                .iter()
                .any(|shown| tells(shown.event.pdu.event_type()))
            || in_state.clone().next().is_some_and(|_| room.limited)
            || in_state
                .into_iter()
                .any(|row| row.json.contains("\"type\":\"m.room.member\""))
    };
    let joined = reading
        .rooms
        .iter()
        .filter(|plan| plan.kind == Kind::Joined);
    let mut summaries: HashMap<RoomNid, RoomSummary> = joined
        .filter(changes)
        .map(|plan| {
            let summary = RoomSummary {
                joined: plan.row.joined_members,
                invited: plan.row.invited_members,
                heroes: Vec::new(),
            };
            (plan.row.room, summary)
        })
        .collect();
    let rooms: Vec<RoomNid> = summaries.keys().copied().collect();
    for hero in queries::heroes(&mut reading.snapshot, &rooms).await? {
        if let (Some(summary), Ok(user)) = (
            summaries.get_mut(&hero.room),
            OwnedUserId::try_from(hero.user),
        ) {
            summary.heroes.push((user, hero.here));
        }
    }
    Ok(summaries)
}

/// The members who speak, the heroes, and in new rooms the reader, as far as the device does not
/// have them.
async fn lazy_members(
    reading: &mut Reading<'_>,
    shown: &ShownRooms,
    summaries: &HashMap<RoomNid, RoomSummary>,
    states: &mut States,
) -> Result<(), SyncError> {
    let mut pairs = Vec::new();
    {
        let reader = &reading.request.user_id;
        let redundant = reading.request.filter.redundant_members;
        let hub = reading.inner.hub.lock();
        let device = reading.request.device_id.as_deref().and_then(|device| {
            hub.users
                .get(reader)
                .and_then(|user| user.devices.get(device))
        });
        let since = reading.since();
        for plan in &reading.rooms {
            let Some(room) = shown.get(&plan.row.room) else {
                continue;
            };
            let mut wanted: HashSet<OwnedUserId> = room
                .timeline
                .iter()
                .map(|shown| shown.event.pdu.sender().to_owned())
                .collect();
            if let Some(summary) = summaries.get(&plan.row.room) {
                wanted.extend(summary_for(summary, reader).heroes);
            }
            if plan.whole_state {
                wanted.insert(reader.clone());
            }
            let known = |user: &OwnedUserId| {
                !plan.whole_state
                    && !redundant
                    && device.is_some_and(|device| device.knows(plan.row.room, user, since))
            };
            let missing = wanted.into_iter().filter(|user| !known(user));
            pairs.extend(missing.map(|user| (plan.row.room, user.to_string())));
        }
    }
    for row in queries::members(&mut reading.snapshot, &pairs).await? {
        let room = states.entry(row.room).or_default();
        if !room.iter().any(|known| known.nid == row.nid) {
            room.push(row);
        }
    }
    Ok(())
}

fn set_state(plan: &RoomPlan, rows: Vec<SyncEvent>, room: &mut JoinedRoom, reading: &Reading<'_>) {
    let filter = &*reading.request.filter;
    if !filter.state.rooms.allows(&plan.row.room_id) {
        return;
    }
    let lazy_left = filter.lazy_members && plan.kind == Kind::Left && plan.whole_state;
    let mut state: Vec<RoomEvent> = rows
        .into_iter()
        .filter_map(|row| RoomEvent::from_row(plan.version, row))
        .collect();
    if lazy_left {
        let speaks = |event: &RoomEvent| {
            let member = event.member();
            let senders = room.timeline.iter().map(|shown| shown.event.pdu.sender());
            member == Some(&*reading.request.user_id)
                || senders.into_iter().any(|s| Some(s) == member)
        };
        state.retain(|event| event.member().is_none() || speaks(event));
    }
    if !reading.request.state_at.is_end() {
        roll_back(&mut state, &room.timeline, !plan.whole_state);
    }
    state.retain(|event| filter.state.allow_event(&event.pdu));
    room.state = state
        .into_iter()
        .map(|event| Shown::plain(Arc::new(event)))
        .collect();
}

/// Takes back what the timeline itself tells, so that state and timeline together, applied one
/// after the other, give the state at the timeline's end. What stood before the timeline is
/// dropped where the client has it already (`client_has_before`).
fn roll_back(state: &mut Vec<RoomEvent>, timeline: &[Shown], client_has_before: bool) {
    let mut at: HashMap<(String, String), Option<RoomEvent>> = HashMap::new();
    let mut order = Vec::new();
    for event in state.drain(..) {
        let key = event
            .state_key()
            .map(|(kind, key)| (kind.to_owned(), key.to_owned()));
        if let Some(key) = key {
            order.push(key.clone());
            at.insert(key, Some(event));
        }
    }
    for shown in timeline.iter().rev() {
        let event = &shown.event;
        let Some((kind, key)) = event.state_key() else {
            continue;
        };
        let Some(slot) = at.get_mut(&(kind.to_owned(), key.to_owned())) else {
            continue;
        };
        let is_current = slot
            .as_ref()
            .is_some_and(|current| current.pdu.event_id() == event.pdu.event_id());
        if is_current {
            let before = event.replaced.clone().filter(|_| !client_has_before);
            *slot = before.map(RoomEvent::bare);
        }
    }
    state.extend(
        order
            .into_iter()
            .filter_map(|key| at.get_mut(&key).and_then(Option::take)),
    );
}
