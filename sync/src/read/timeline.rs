//! Timelines from the database.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use causeway_events::Membership;
use causeway_events::client::{ClientEvent, Format, Unsigned};
use causeway_events::visibility::{Sight, Visibility, may_see};
use causeway_store::log::REDACTED;
use causeway_store::sync::{self as queries, SightWish, SyncEvent, TimelineFilter, TimelineRange};
use causeway_store::{EventNid, RoomNid, RoomPlace, StateRef};
use serde::Deserialize;

use super::plan::{Check, Kind, RoomPlan, membership};
use super::{Reading, ShownRooms, event_mut};
use crate::answer::JoinedRoom;
use crate::engine::SyncError;
use crate::event::{RoomEvent, Shown, read as read_event};
use crate::filter::{Filter, like};
use crate::limits::LOOK_BEHIND_EVENTS;

/// Reads the timelines of all rooms that have one. Where events are hidden from the reader, there
/// may be others behind them that are not: those rooms are looked at once more, further back.
pub(super) async fn read(reading: &mut Reading<'_>) -> Result<ShownRooms, SyncError> {
    let filter = &*reading.request.filter;
    let limit = filter.timeline_limit();
    let ranges: Vec<TimelineRange> = with_timeline(&reading.rooms)
        .filter(|plan| filter.timeline.rooms.allows(&plan.row.room_id))
        .filter(|plan| plan.after.is_none_or(|after| after < plan.until))
        .map(|plan| TimelineRange {
            room: plan.row.room,
            after: plan.after,
            until: plan.until,
        })
        .collect();
    let mut shown = ShownRooms::new();
    let behind = look(reading, &ranges, limit, &mut shown).await?;
    if !behind.is_empty() {
        let further = ranges.into_iter().filter(|at| behind.contains(&at.room));
        let further: Vec<TimelineRange> = further.collect();
        let looked = limit.max(LOOK_BEHIND_EVENTS);
        look(reading, &further, looked, &mut shown).await?;
    }
    cut_at_gaps(reading, &mut shown).await?;
    for plan in with_timeline(&reading.rooms) {
        let (room, id) = (plan.row.room, &plan.row.room_id);
        shown.entry(room).or_insert_with(|| {
            let mut nothing = JoinedRoom::new(room, id.clone(), end_of(plan));
            nothing.is_new = plan.is_new;
            nothing.limited = is_entered(plan, reading.since.is_some());
            nothing
        });
    }
    Ok(shown)
}

/// Lets timelines begin where the room's history has a gap: what comes before is not what came just
/// before, and is fetched when the client pages back.
async fn cut_at_gaps(reading: &mut Reading<'_>, shown: &mut ShownRooms) -> Result<(), SyncError> {
    let events: Vec<(RoomNid, EventNid)> = shown
        .iter()
        .flat_map(|(room, shown)| shown.timeline.iter().map(|it| (*room, it.event.nid)))
        .collect();
    let gaps = queries::behind_gaps(&mut reading.snapshot, &events).await?;
    if gaps.is_empty() {
        return Ok(());
    }
    for room in shown.values_mut() {
        let is_gap = |shown: &Shown| gaps.contains(&shown.event.nid);
        if let Some(at) = room.timeline.iter().rposition(is_gap) {
            room.timeline.drain(..at);
            room.limited = true;
            room.prev_batch = room.timeline[0].event.place;
        }
    }
    Ok(())
}

/// Looks at the newest `looked` events of each range. Gives the rooms where some of them are
/// hidden, and there are more.
async fn look(
    reading: &mut Reading<'_>,
    ranges: &[TimelineRange],
    looked: usize,
    shown: &mut ShownRooms,
) -> Result<HashSet<RoomNid>, SyncError> {
    let filter = &*reading.request.filter;
    let wish = timeline_filter(filter, looked, &reading.ephemeral.ignored);
    let rows = queries::timelines(&mut reading.snapshot, ranges, &wish).await?;
    let mut by_room: HashMap<RoomNid, Vec<SyncEvent>> = HashMap::new();
    for row in rows {
        by_room.entry(row.room).or_default().push(row);
    }
    let mut sights = read_sights(reading, &by_room).await?;
    show_current_state(reading, &by_room, &mut sights).await?;
    let mut behind = HashSet::new();
    for plan in with_timeline(&reading.rooms) {
        let Some(rows) = by_room.remove(&plan.row.room) else {
            continue;
        };
        let cut = Cut {
            looked,
            filter,
            is_incremental: reading.since.is_some(),
        };
        let (room, hides) = timeline_of(plan, rows, &cut, &sights);
        if hides && room.limited {
            behind.insert(plan.row.room);
        }
        shown.insert(plan.row.room, room);
    }
    Ok(behind)
}

fn with_timeline(rooms: &[RoomPlan]) -> impl Iterator<Item = &RoomPlan> {
    rooms
        .iter()
        .filter(|plan| matches!(plan.kind, Kind::Joined | Kind::Left))
}

/// One event more than is shown tells whether there are more.
fn timeline_filter(
    filter: &Filter,
    limit: usize,
    ignored: &HashSet<ruma::OwnedUserId>,
) -> TimelineFilter {
    let rules = &filter.timeline.rules;
    let relations = &filter.timeline_relations;
    let names =
        |users: &HashSet<ruma::OwnedUserId>| users.iter().map(ToString::to_string).collect();
    TimelineFilter {
        limit: i64::try_from(limit + 1).unwrap_or(i64::MAX),
        types: rules
            .types
            .as_ref()
            .map(|types| types.iter().map(|t| like(t)).collect()),
        not_types: rules.not_types.iter().map(|t| like(t)).collect(),
        senders: rules.senders.as_ref().map(names),
        not_senders: names(&rules.not_senders),
        ignored: names(ignored),
        url: filter.timeline.url,
        related_by_types: relations.related_by_rel_types.clone(),
        related_by_senders: relations.related_by_senders.clone(),
        rel_types: relations.rel_types.clone(),
        not_rel_types: relations.not_rel_types.clone(),
    }
}

/// What decides whether an event may be seen: history visibility and the reader's membership.
type Sights = HashMap<EventNid, (Option<Visibility>, Option<Membership>)>;

async fn read_sights(
    reading: &mut Reading<'_>,
    by_room: &HashMap<RoomNid, Vec<SyncEvent>>,
) -> Result<Sights, SyncError> {
    let mut wishes = Vec::new();
    for plan in &reading.rooms {
        let events = by_room.get(&plan.row.room).into_iter().flatten();
        let doubtful = events.filter(|event| is_doubtful(plan, event));
        wishes.extend(doubtful.map(|event| SightWish {
            room: plan.row.room,
            event: event.nid,
            before: state_before(event),
            member: plan.row.key,
        }));
    }
    let mut sights: Sights = wishes
        .iter()
        .map(|wish| (wish.event, (None, None)))
        .collect();
    for row in queries::sights(&mut reading.snapshot, &wishes).await? {
        let Some(sight) = sights.get_mut(&row.event) else {
            continue;
        };
        if row.is_member {
            sight.1 = membership(&row.json).and_then(|it| Membership::parse(it.word()));
        } else {
            sight.0 = Some(visibility(&row.json));
        }
    }
    Ok(sights)
}

/// What is the state of the room now, members see anyway: it may stand in the timeline, too.
async fn show_current_state(
    reading: &mut Reading<'_>,
    by_room: &HashMap<RoomNid, Vec<SyncEvent>>,
    sights: &mut Sights,
) -> Result<(), SyncError> {
    let joined = reading
        .rooms
        .iter()
        .filter(|plan| plan.kind == Kind::Joined);
    let events = joined.flat_map(|plan| by_room.get(&plan.row.room).into_iter().flatten());
    let doubtful = events.filter(|event| event.key.is_some() && sights.contains_key(&event.nid));
    let wishes: Vec<(RoomNid, EventNid)> = doubtful.map(|event| (event.room, event.nid)).collect();
    for current in queries::current_among(&mut reading.snapshot, &wishes).await? {
        if let Some(sight) = sights.get_mut(&current) {
            sight.0 = Some(Visibility::WorldReadable);
        }
    }
    Ok(())
}

fn is_doubtful(plan: &RoomPlan, event: &SyncEvent) -> bool {
    match plan.check {
        Check::Nothing => false,
        Check::BeforeOwn => event.place < RoomPlace::live(plan.row.position),
        Check::All => event.nid != plan.row.event,
    }
}

/// An accepted state event is the last step of the state after it.
fn state_before(event: &SyncEvent) -> StateRef {
    StateRef {
        line: event.state.line,
        step: event.state.step - i32::from(event.key.is_some() && event.state.step > 0),
    }
}

fn visibility(json: &str) -> Visibility {
    #[derive(Deserialize)]
    struct Event {
        content: Content,
    }
    #[derive(Deserialize)]
    struct Content {
        history_visibility: String,
    }
    serde_json::from_str::<Event>(json).map_or(Visibility::Shared, |event| {
        Visibility::parse(&event.content.history_visibility)
    })
}

/// How a timeline is cut from the events that were looked at.
struct Cut<'a> {
    looked: usize,
    filter: &'a Filter,
    is_incremental: bool,
}

fn end_of(plan: &RoomPlan) -> RoomPlace {
    RoomPlace {
        anchor: plan.until + 1,
        offset: i32::MIN,
    }
}

/// A room that the client has just come into may go on before its timeline.
fn is_entered(plan: &RoomPlan, is_incremental: bool) -> bool {
    plan.is_new && is_incremental && plan.kind == Kind::Joined
}

/// `rows` come newest first. Also tells whether some of them are hidden from the reader.
fn timeline_of(
    plan: &RoomPlan,
    mut rows: Vec<SyncEvent>,
    cut: &Cut<'_>,
    sights: &Sights,
) -> (JoinedRoom, bool) {
    let mut room = JoinedRoom::new(plan.row.room, plan.row.room_id.clone(), end_of(plan));
    room.is_new = plan.is_new;
    room.limited = rows.len() > cut.looked || is_entered(plan, cut.is_incremental);
    rows.truncate(cut.looked);
    let limit = cut.filter.timeline_limit();
    let mut hides = false;
    // Newest first: whether the reader was there at a later event.
    let mut there_later = plan.kind == Kind::Joined;
    for row in rows {
        if room.timeline.len() == limit {
            room.limited = true;
            break;
        }
        room.prev_batch = row.place;
        let known = sights.get(&row.nid).copied();
        let is_erased = row.is_erased;
        let Some(mut event) = RoomEvent::from_row(plan.version, row) else {
            continue;
        };
        let word = match known {
            None => "join",
            Some(sight) => {
                let (seen, membership) = sight_of(plan, &event, sight, there_later);
                there_later |= membership == Membership::Join;
                if !seen {
                    hides = true;
                    continue;
                }
                // Erased users are forgotten by those who were not there at the time.
                if is_erased && membership != Membership::Join {
                    event.blank(plan.version);
                }
                membership.as_str()
            }
        };
        if cut.filter.timeline.url.is_some() && !cut.filter.timeline.allow_event(&event.pdu) {
            continue;
        }
        let own = event
            .member()
            .is_some_and(|user| user.as_str() == own_id(plan, &event));
        room.timeline.push(Shown {
            membership: Some(if own && known.is_none() {
                membership_after(&event)
            } else {
                word
            }),
            event: Arc::new(event),
            relations: None,
        });
    }
    room.timeline.reverse();
    (room, hides)
}

/// The reader's id if the event is the reader's own member event.
fn own_id<'a>(plan: &RoomPlan, event: &'a RoomEvent) -> &'a str {
    if event.nid == plan.row.event {
        event.pdu.state_key().unwrap_or_default()
    } else {
        ""
    }
}

fn membership_after(event: &RoomEvent) -> &'static str {
    Membership::of(&event.pdu)
        .unwrap_or(Membership::Leave)
        .as_str()
}

fn sight_of(
    plan: &RoomPlan,
    event: &RoomEvent,
    sight: (Option<Visibility>, Option<Membership>),
    there_later: bool,
) -> (bool, Membership) {
    let before = sight.1.unwrap_or(Membership::Leave);
    let is_visibility = event.pdu.is_state("m.room.history_visibility", "");
    let own_key = plan.own_user();
    let is_own = event.pdu.is_state("m.room.member", own_key.as_str());
    let after = Membership::of(&event.pdu).filter(|_| is_own);
    let seen = may_see(&Sight {
        visibility: sight.0.unwrap_or(Visibility::Shared),
        visibility_after: is_visibility.then(|| Visibility::of(Some(&event.pdu))),
        membership: before,
        membership_after: after,
        joined_later: there_later,
    });
    // Whoever is concerned always learns what became of them.
    (seen || is_own, after.unwrap_or(before))
}

/// Adds to the events of an answer what is not in their rows: why they are blank.
pub(super) async fn decorate(
    reading: &mut Reading<'_>,
    shown: &mut ShownRooms,
) -> Result<(), SyncError> {
    let events = |shown: &ShownRooms| {
        let rooms = shown.iter();
        let blank = rooms.flat_map(|(nid, room)| {
            let events = room.timeline.iter().chain(&room.state);
            events
                .filter(|shown| shown.event.flags & REDACTED != 0)
                .map(|shown| (*nid, shown.event.pdu.event_id().to_string()))
        });
        blank.collect::<Vec<_>>()
    };
    let targets = events(shown);
    let versions: HashMap<RoomNid, _> = reading
        .rooms
        .iter()
        .map(|plan| (plan.row.room, plan.version))
        .collect();
    let mut because: HashMap<String, Box<str>> = HashMap::new();
    for (room, target, id, json) in queries::redactions(&mut reading.snapshot, &targets).await? {
        let pdu = versions
            .get(&room)
            .and_then(|version| read_event(*version, &id, json));
        if let Some(pdu) = pdu {
            let json = ClientEvent::new(&pdu).to_json(Format::Sync, &Unsigned::default());
            because.insert(target, json.into());
        }
    }
    if because.is_empty() {
        return Ok(());
    }
    for room in shown.values_mut() {
        for shown in room.timeline.iter_mut().chain(&mut room.state) {
            if let Some(event) = event_mut(shown)
                && let Some(json) = because.get(event.pdu.event_id().as_str())
            {
                event.redacted_because = Some(json.clone());
            }
        }
    }
    Ok(())
}
