//! From what memory has to the answer: filters, limits, gaps.

use std::collections::HashMap;
use std::sync::Arc;

use causeway_store::{Position, RoomNid, RoomPlace};
use ruma::OwnedUserId;

use crate::answer::{Answer, JoinedRoom, Summary};
use crate::event::{RoomEvent, Shown};
use crate::filter::Filter;
use crate::hub::{News, RoomNews, RoomSummary};
use crate::token::Token;

/// Heroes of a room that are shown.
const HEROES: usize = 5;

/// What the answer is made for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub user: &'a OwnedUserId,
    pub filter: &'a Filter,
    pub use_state_after: bool,
}

/// Makes the answer; it may be empty. Also gives the members that are in it.
pub(crate) fn answer(news: News, wish: Wish<'_>) -> (Answer, Vec<(RoomNid, OwnedUserId)>) {
    let next = Token {
        position: Position(news.position),
        ephemeral: news.ephemeral,
        to_device: None,
        counts: None,
    }
    .with_counts(Position(news.counted));
    let mut answer = Answer::empty(next);
    let mut members = Vec::new();
    let filter = wish.filter;
    for room in news.rooms {
        if !filter.rooms.allows(&room.room_id) {
            continue;
        }
        let nid = room.room;
        let shown = joined_room(room, &news.ignored, news.position, wish);
        if shown.is_empty() {
            continue;
        }
        if filter.lazy_members {
            let events = shown.state.iter();
            members
                .extend(events.filter_map(|shown| Some((nid, shown.event.member()?.to_owned()))));
        }
        answer.joined.push(shown);
    }
    let last = last_of_each_type(
        news.account_data
            .iter()
            .map(|data| (&data.event_type, &data.content)),
    );
    answer.account_data = limited(
        last.into_iter()
            .filter(|(kind, _)| filter.account_data.allow(kind, None)),
        filter.account_data.limit,
    );
    answer.to_device = news
        .to_device
        .iter()
        .map(|message| message.message.as_str().into())
        .collect();
    answer.presence = limited(
        news.presence
            .into_iter()
            .filter(|shown| filter.presence.allow("m.presence", Some(&shown.user)))
            .filter(|shown| !news.ignored.contains(&shown.user)),
        filter.presence.limit,
    );
    answer.keys_run_out = news.keys_run_out;
    answer.devices_changed = news.devices_changed.into_iter().collect();
    answer.devices_left = news.devices_left.into_iter().collect();
    (answer, members)
}

fn joined_room(
    room: RoomNews,
    ignored: &std::collections::HashSet<OwnedUserId>,
    position: i64,
    wish: Wish<'_>,
) -> JoinedRoom {
    let filter = wish.filter;
    let end = RoomPlace {
        anchor: position + 1,
        offset: i32::MIN,
    };
    let mut shown = JoinedRoom::new(room.room, room.room_id.clone(), end);
    let in_timeline = |event: &Arc<RoomEvent>| {
        filter.timeline.rooms.allows(&room.room_id)
            && filter.timeline.allow_event(&event.pdu)
            && (event.pdu.state_key().is_some() || !ignored.contains(event.pdu.sender()))
    };
    let mut timeline: Vec<Arc<RoomEvent>> = room
        .events
        .iter()
        .filter(|e| in_timeline(e))
        .cloned()
        .collect();
    let limit = filter.timeline_limit();
    shown.limited = timeline.len() > limit;
    timeline.drain(..timeline.len().saturating_sub(limit));
    if let Some(first) = timeline.first() {
        shown.prev_batch = first.place;
    }
    let mut state = last_of_each_key(room.events.iter().filter(|event| {
        wish.use_state_after || !timeline.iter().any(|shown| shown.nid == event.nid)
    }));
    let senders = |event: &RoomEvent| {
        let member = event.member();
        timeline
            .iter()
            .any(|shown| Some(shown.pdu.sender()) == member)
    };
    let is_hero = |event: &RoomEvent| {
        let heroes = room.summary.iter().flat_map(|summary| &summary.heroes);
        heroes
            .map(|(hero, _)| &**hero)
            .any(|hero| Some(hero) == event.member())
    };
    for member in &room.members {
        let known = |list: &[Arc<RoomEvent>]| {
            list.iter()
                .any(|event| event.state_key() == member.state_key())
        };
        let in_timeline = timeline.iter().any(|event| event.nid == member.nid);
        if !in_timeline && !known(&state) && (senders(member) || is_hero(member)) {
            state.push(member.clone());
        }
    }
    state.retain(|event| {
        filter.state.rooms.allows(&room.room_id) && filter.state.allow_event(&event.pdu)
    });
    shown.state = state.into_iter().map(Shown::to_member).collect();
    shown.timeline = timeline.into_iter().map(Shown::to_member).collect();
    let allows = |kind: &str| {
        filter.ephemeral.rooms.allows(&room.room_id) && filter.ephemeral.rules.allow(kind, None)
    };
    if allows("m.receipt") {
        shown.receipts = room
            .receipts
            .iter()
            .map(|receipt| (&**receipt).into())
            .collect();
    }
    shown.unread = room.unread;
    shown.typing = room.typing.filter(|_| allows("m.typing"));
    if filter.room_account_data.rooms.allows(&room.room_id) {
        let last = last_of_each_type(
            room.account_data
                .iter()
                .map(|data| (&data.event_type, &data.content)),
        );
        let wanted = last.into_iter();
        shown.account_data = wanted
            .filter(|(kind, _)| filter.room_account_data.rules.allow(kind, None))
            .collect();
    }
    shown.summary = room.summary.map(|summary| summary_for(&summary, wish.user));
    shown
}

/// The summary as somebody sees it: without themselves, and with those who have gone only if
/// nobody is there.
pub(crate) fn summary_for(summary: &RoomSummary, reader: &OwnedUserId) -> Summary {
    let others = || summary.heroes.iter().filter(|(hero, _)| hero != reader);
    let anybody = others().any(|(_, here)| *here);
    let heroes = others().filter(|(_, here)| *here == anybody);
    Summary {
        joined: summary.joined,
        invited: summary.invited,
        heroes: heroes.map(|(hero, _)| hero.clone()).take(HEROES).collect(),
    }
}

/// The last state event of each key, in their order.
pub(crate) fn last_of_each_key<'a>(
    events: impl Iterator<Item = &'a Arc<RoomEvent>>,
) -> Vec<Arc<RoomEvent>> {
    let events: Vec<&Arc<RoomEvent>> = events.filter(|event| event.state_key().is_some()).collect();
    let last: HashMap<_, _> = events
        .iter()
        .enumerate()
        .map(|(at, event)| (event.state_key(), at))
        .collect();
    let is_last = |(at, event): &(usize, &Arc<RoomEvent>)| last.get(&event.state_key()) == Some(at);
    let kept = events.iter().copied().enumerate().filter(is_last);
    kept.map(|(_, event)| event.clone()).collect()
}

fn last_of_each_type<'a>(
    entries: impl Iterator<Item = (&'a String, &'a String)>,
) -> Vec<(Arc<str>, Arc<str>)> {
    let entries: Vec<_> = entries.collect();
    let last: HashMap<&String, usize> = entries
        .iter()
        .enumerate()
        .map(|(at, (kind, _))| (*kind, at))
        .collect();
    let kept = entries
        .iter()
        .enumerate()
        .filter(|(at, (kind, _))| last.get(kind) == Some(at));
    kept.map(|(_, (kind, content))| (kind.as_str().into(), content.as_str().into()))
        .collect()
}

/// The first `limit` of them, where there is one.
pub(crate) fn limited<T>(items: impl Iterator<Item = T>, limit: Option<usize>) -> Vec<T> {
    items.take(limit.unwrap_or(usize::MAX)).collect()
}
