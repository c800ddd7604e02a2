//! The hub against a log that is made up: what is told is the log, without gap or repeat.

use std::sync::Arc;

use causeway_events::{Pdu, RoomVersion};
use causeway_store::log::{
    AccountData, Entry, EventRecord, LogEntry, MemberChange, Membership, Receipt, Replaced,
    ToDevice,
};
use causeway_store::sync::{OnlineRoom, OnlineUser};
use causeway_store::{EventNid, KeyNid, Position, RoomNid, StateRef};
use ruma::{
    OwnedRoomId, OwnedUserId, RoomVersionId, event_id, owned_device_id, owned_room_id,
    owned_user_id,
};
use serde_json::json;

use super::{Hub, Look, Looker, Prefetched, Waiter};
use crate::answer::Answer;
use crate::delta::{self, Wish};
use crate::filter::Filter;
use crate::limits::{MAX_OWN_ENTRIES, MAX_RING_ENTRIES};
use crate::token::Token;

pub(super) fn bob() -> OwnedUserId {
    owned_user_id!("@bob:example.org")
}

fn room_id(room: RoomNid) -> OwnedRoomId {
    OwnedRoomId::try_from(format!("!{room}:example.org")).expect("a room id")
}

fn pdu(
    room: RoomNid,
    number: i64,
    kind: &str,
    state_key: Option<&str>,
    content: serde_json::Value,
) -> Pdu {
    let mut json = json!({
        "auth_events": [], "content": content, "depth": 1, "hashes": {"sha256": ""},
        "origin_server_ts": 1, "prev_events": [], "room_id": room_id(room),
        "sender": "@alice:example.org", "signatures": {}, "type": kind,
    });
    if let Some(key) = state_key {
        json["state_key"] = key.into();
    }
    let version = RoomVersion::find(&RoomVersionId::V11).expect("a known version");
    let id = format!("$event{number}").try_into().expect("an event id");
    Pdu::from_stored(version, id, json.to_string()).expect("an event")
}

fn record(room: RoomNid, pdu: Pdu) -> EventRecord {
    EventRecord {
        room,
        nid: EventNid(0),
        flags: 0,
        state: StateRef::default(),
        current: None,
        resolved: Vec::new(),
        key: pdu.state_key().map(|_| KeyNid(1)),
        replaces: None,
        chain: None,
        sent_by: None,
        prev: Vec::new(),
        auth: Vec::new(),
        relation: None,
        member: None,
        redacts: None,
        was_outlier: false,
        place: None,
        was_wanted: false,
        pdu,
    }
}

fn entry(position: i64, entry: Entry) -> LogEntry {
    LogEntry {
        position: Position(position),
        entry,
    }
}

pub(super) fn message(room: RoomNid, position: i64) -> LogEntry {
    let mut record = record(
        room,
        pdu(
            room,
            position,
            "m.room.message",
            None,
            json!({"body": "hi"}),
        ),
    );
    record.nid = EventNid(position);
    entry(position, Entry::Event(Arc::new(record)))
}

pub(super) fn hub(rooms: &[RoomNid]) -> Hub {
    let mut hub = Hub::new(0, 1);
    let rooms = rooms.iter().map(|room| OnlineRoom {
        room: *room,
        room_id: room_id(*room),
        position: Position(0),
    });
    let loaded = OnlineUser {
        rooms: rooms.collect(),
        ..OnlineUser::default()
    };
    hub.load(&bob(), loaded);
    hub
}

pub(super) fn token(hub: &Hub) -> Token {
    Token {
        position: Position(hub.position),
        ephemeral: hub.ephemeral,
        to_device: None,
        counts: None,
    }
}

pub(super) fn look(hub: &Hub, since: Token) -> Look {
    let bob = bob();
    hub.look(
        Looker {
            user: &bob,
            device: Some("PHONE".into()),
            lazy_members: None,
        },
        since,
    )
}

pub(super) fn answer(hub: &Hub, since: Token, filter: &Filter) -> Answer {
    let user = bob();
    let wish = Wish {
        user: &user,
        filter,
        use_state_after: false,
    };
    match look(hub, since) {
        Look::News(news) => delta::answer(*news, wish).0,
        Look::Nothing => Answer::empty(since),
        other => panic!("memory was to answer, not {other:?}"),
    }
}

pub(super) fn shown(answer: &Answer, room: RoomNid) -> Vec<i64> {
    let rooms = answer.joined.iter().filter(|shown| shown.nid == room);
    rooms
        .flat_map(|room| room.timeline.iter().map(|shown| shown.event.place.anchor))
        .collect()
}

pub(super) fn limit(limit: u32) -> Filter {
    let definition = json!({"room": {"timeline": {"limit": limit}}});
    Filter::new(serde_json::from_value(definition).expect("a filter"))
}

#[test]
fn nothing_is_told_twice() {
    let room = RoomNid(1);
    let mut hub = hub(&[room]);
    let start = token(&hub);
    assert!(matches!(look(&hub, start), Look::Nothing));
    hub.apply(&[message(room, 1), message(room, 2)], Prefetched::default());
    let first = answer(&hub, start, &Filter::default());
    assert_eq!(shown(&first, room), [1, 2]);
    assert!(matches!(look(&hub, first.next), Look::Nothing));
    // Batches that come a second time change nothing.
    hub.apply(&[message(room, 2)], Prefetched::default());
    assert!(matches!(look(&hub, first.next), Look::Nothing));
}

#[test]
fn what_the_ring_has_lost_is_read_from_the_database() {
    let room = RoomNid(1);
    let mut hub = hub(&[room]);
    let start = token(&hub);
    let many = i64::try_from(MAX_RING_ENTRIES).expect("a small number") + 1;
    for position in 1..=many {
        hub.apply(&[message(room, position)], Prefetched::default());
    }
    assert!(matches!(look(&hub, start), Look::Database));
    let later = Token {
        position: Position(1),
        ..start
    };
    assert_eq!(shown(&answer(&hub, later, &limit(1)), room), [many]);
}

#[test]
fn who_comes_or_goes_is_told_by_the_database() {
    let room = RoomNid(1);
    let mut hub = hub(&[room]);
    let start = token(&hub);
    let content = json!({"membership": "leave"});
    let mut leave = record(
        room,
        pdu(room, 1, "m.room.member", Some(bob().as_str()), content),
    );
    leave.member = Some(MemberChange {
        user: bob(),
        before: Some(Membership::Join),
        after: Membership::Leave,
        is_local: true,
        display_name: None,
        avatar_url: None,
    });
    hub.apply(
        &[entry(1, Entry::Event(Arc::new(leave)))],
        Prefetched::default(),
    );
    assert!(matches!(look(&hub, start), Look::Database));
    // Nobody is left in the room: it is not kept.
    assert!(hub.rooms.is_empty() && hub.ring_bytes == 0);
    let after = token(&hub);
    hub.apply(&[message(room, 2)], Prefetched::default());
    assert!(!matches!(look(&hub, after), Look::Database));
    assert!(shown(&answer(&hub, after, &Filter::default()), room).is_empty());
}

#[test]
fn a_blanked_event_is_no_longer_told_from_memory() {
    let room = RoomNid(1);
    let mut hub = hub(&[room]);
    let start = token(&hub);
    hub.apply(&[message(room, 1)], Prefetched::default());
    let between = token(&hub);
    let mut redaction = record(
        room,
        pdu(
            room,
            2,
            "m.room.redaction",
            None,
            json!({"redacts": "$event1"}),
        ),
    );
    redaction.redacts = Some(event_id!("$event1").to_owned());
    hub.apply(
        &[entry(2, Entry::Event(Arc::new(redaction)))],
        Prefetched::default(),
    );
    assert!(matches!(look(&hub, start), Look::Database));
    assert_eq!(shown(&answer(&hub, between, &Filter::default()), room), [2]);
}

#[test]
fn a_gap_brings_the_state_that_is_in_it() {
    let room = RoomNid(1);
    let mut hub = hub(&[room]);
    let start = token(&hub);
    for (position, topic) in [(1, "old"), (2, "new")] {
        let topic = pdu(
            room,
            position,
            "m.room.topic",
            Some(""),
            json!({"topic": topic}),
        );
        let mut record = record(room, topic.clone());
        record.nid = EventNid(position);
        record.replaces = Some(Replaced {
            nid: EventNid(0),
            pdu: topic,
        });
        hub.apply(
            &[entry(position, Entry::Event(Arc::new(record)))],
            Prefetched::default(),
        );
    }
    hub.apply(&[message(room, 3), message(room, 4)], Prefetched::default());
    let answer = answer(&hub, start, &limit(2));
    let told = &answer.joined[0];
    assert!(told.limited);
    assert_eq!(shown(&answer, room), [3, 4]);
    assert_eq!(told.prev_batch.anchor, 3);
    let state: Vec<i64> = told
        .state
        .iter()
        .map(|shown| shown.event.place.anchor)
        .collect();
    assert_eq!(state, [2], "the last state event of each key in the gap");
}

#[test]
fn private_things_stay_private() {
    let room = RoomNid(1);
    let mut hub = hub(&[room]);
    let start = token(&hub);
    let receipt = |user: OwnedUserId, kind: &str| {
        Entry::Receipt(Arc::new(Receipt {
            room,
            room_id: room_id(room),
            user,
            receipt_type: kind.to_owned(),
            thread_id: String::new(),
            event_id: event_id!("$event1").to_owned(),
            event_anchor: None,
            ts_ms: 1,
        }))
    };
    let message = |device| {
        Entry::ToDevice(Arc::new(ToDevice {
            user: bob(),
            device,
            message: "{}".to_owned(),
        }))
    };
    let alice = owned_user_id!("@alice:example.org");
    let data = |user| {
        Entry::AccountData(Arc::new(AccountData {
            user,
            room: None,
            event_type: "org.example".to_owned(),
            content: "{}".to_owned(),
        }))
    };
    let entries = [
        receipt(alice.clone(), "m.read"),
        receipt(alice.clone(), "m.read.private"),
        receipt(bob(), "m.read.private"),
        data(alice),
        data(bob()),
        message(owned_device_id!("PHONE")),
        message(owned_device_id!("LAPTOP")),
    ];
    let entries: Vec<LogEntry> = (1..)
        .zip(entries)
        .map(|(at, what)| entry(at, what))
        .collect();
    hub.apply(&entries, Prefetched::default());
    let answer = answer(&hub, start, &Filter::default());
    let receipts: Vec<(&str, &str)> = answer.joined[0]
        .receipts
        .iter()
        .map(|receipt| (&*receipt.user, &*receipt.receipt_type))
        .collect();
    assert_eq!(receipts.len(), 2);
    assert!(!receipts.contains(&("@alice:example.org", "m.read.private")));
    assert_eq!(answer.account_data.len(), 1);
    assert_eq!(answer.to_device.len(), 1);
}

#[test]
fn own_entries_are_bounded() {
    let mut hub = hub(&[]);
    let start = token(&hub);
    for position in 1..=i64::try_from(MAX_OWN_ENTRIES).expect("a small number") + 1 {
        let data = AccountData {
            user: bob(),
            room: None,
            event_type: "org.example".to_owned(),
            content: "{}".to_owned(),
        };
        hub.apply(
            &[entry(position, Entry::AccountData(Arc::new(data)))],
            Prefetched::default(),
        );
    }
    assert!(matches!(look(&hub, start), Look::Database));
}

#[test]
fn what_resolving_changed_is_told_by_the_database() {
    let room = RoomNid(1);
    let mut hub = hub(&[room]);
    hub.apply(&[message(room, 1)], Prefetched::default());
    let since = token(&hub);
    let LogEntry { entry: what, .. } = message(room, 2);
    let Entry::Event(record) = what else {
        panic!("no event");
    };
    let mut record = Arc::unwrap_or_clone(record);
    record.resolved.push(causeway_store::log::Resolved {
        key: KeyNid(7),
        event: None,
        member: None,
    });
    let resolved = entry(2, Entry::Event(Arc::new(record)));
    hub.apply(&[resolved], Prefetched::default());
    assert!(matches!(look(&hub, since), Look::Database));
    let since = token(&hub);
    hub.apply(&[message(room, 3)], Prefetched::default());
    assert_eq!(shown(&answer(&hub, since, &Filter::default()), room), [3]);
}

#[test]
fn a_reset_makes_everybody_read_the_database() {
    let room = RoomNid(1);
    let mut hub = hub(&[room]);
    let start = token(&hub);
    hub.reset(10);
    assert!(matches!(look(&hub, start), Look::NotLoaded));
    hub.load(&bob(), OnlineUser::default());
    assert!(matches!(look(&hub, start), Look::Database));
    assert!(matches!(look(&hub, token(&hub)), Look::Nothing));
}

#[test]
fn changes_while_a_user_is_loaded_are_not_lost() {
    let (left, joined) = (RoomNid(1), RoomNid(2));
    let mut hub = Hub::new(0, 1);
    hub.users.entry(bob()).or_default();
    for (position, room, before, after) in [
        (1, left, Membership::Join, Membership::Leave),
        (2, joined, Membership::Invite, Membership::Join),
    ] {
        let content = json!({"membership": after.word()});
        let mut change = record(
            room,
            pdu(
                room,
                position,
                "m.room.member",
                Some(bob().as_str()),
                content,
            ),
        );
        change.member = Some(MemberChange {
            user: bob(),
            before: Some(before),
            after,
            is_local: true,
            display_name: None,
            avatar_url: None,
        });
        hub.apply(
            &[entry(position, Entry::Event(Arc::new(change)))],
            Prefetched::default(),
        );
    }
    // The rows were read before the two changes.
    let rooms = vec![OnlineRoom {
        room: left,
        room_id: owned_room_id!("!1:example.org"),
        position: Position(0),
    }];
    hub.load(
        &bob(),
        OnlineUser {
            rooms,
            ..OnlineUser::default()
        },
    );
    let rooms: Vec<RoomNid> = hub.users[&bob()].rooms.keys().copied().collect();
    assert_eq!(rooms, [joined]);
}

#[test]
fn whoever_is_gone_for_long_is_forgotten() {
    let room = RoomNid(1);
    let mut hub = hub(&[room]);
    let waiter = Arc::new(Waiter::new(None));
    let id = hub.park(&bob(), waiter);
    hub.sweep(10_000_000);
    assert!(hub.users.contains_key(&bob()), "somebody waits");
    hub.leave(&bob(), id, 0);
    hub.sweep(10_000_000);
    assert!(hub.users.is_empty() && hub.rooms.is_empty() && hub.parked() == 0);
}
