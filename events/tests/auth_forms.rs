//! Authorisation without state: create events, and what `auth_events` may name.

#![allow(clippy::unwrap_used)]

mod sim;

use causeway_events::{Draft, Pdu, Placement, Reference, RoomVersion, auth};
use ruma::OwnedEventId;
use serde_json::{Value, json};
use sim::talk::{Talk, versions};
use sim::{Nid, user};

fn create(version: RoomVersion, content: Value, room_id: &str, prev: &[OwnedEventId]) -> Pdu {
    let mut event = json!({
        "type": "m.room.create", "state_key": "", "sender": user(0), "content": content,
        "origin_server_ts": 1, "depth": 1, "auth_events": [], "hashes": {}, "signatures": {},
        "room_id": room_id, "prev_events": prev,
    });
    if version.event_id_is_field() {
        event["event_id"] = "$c:domain".into();
        event["prev_events"] = prev.iter().map(|id| json!([id, {}])).collect();
    }
    if room_id.is_empty() {
        event.as_object_mut().unwrap().remove("room_id");
    }
    let id = OwnedEventId::try_from("$c:domain").unwrap();
    Pdu::from_stored(version, id, event.to_string()).unwrap()
}

#[test]
fn create_events_are_well_formed() {
    for version in versions(1..=12) {
        let name = version.id().as_str();
        let hashed = version.room_id_is_create_hash();
        let room_id = if hashed { "" } else { "!r:domain" };
        let check = |pdu: &Pdu| auth::authorise(version, pdu, |_, _| None).is_ok();
        let good = json!({"room_version": name, "creator": user(0)});
        assert!(
            check(&create(version, good.clone(), room_id, &[])),
            "{version:?}"
        );
        let before = [OwnedEventId::try_from("$x:domain").unwrap()];
        assert!(!check(&create(version, good.clone(), room_id, &before)));
        let other = if name == "1" { "2" } else { "1" };
        let content = json!({"room_version": other, "creator": user(0)});
        assert!(!check(&create(version, content, room_id, &[])));
        let needs_creator = !version.rules().authorization.use_room_create_sender;
        let content = json!({"room_version": name});
        assert_eq!(
            check(&create(version, content, room_id, &[])),
            !needs_creator
        );
        let content = json!({"creator": user(0)});
        assert_eq!(
            check(&create(version, content, room_id, &[])),
            name == "1",
            "1 by default"
        );
        if hashed {
            assert!(
                !check(&create(version, good, "!r:domain", &[])),
                "names itself"
            );
            let content = json!({"room_version": name, "additional_creators": ["nobody"]});
            assert!(!check(&create(version, content, "", &[])));
        } else {
            assert!(
                !check(&create(version, good, "!r:other", &[])),
                "a room of another server"
            );
        }
    }
}

#[test]
fn auth_events_are_the_right_ones() {
    for version in versions(1..=12) {
        let mut talk = Talk::new(version);
        assert!(talk.member(1, 1, "join") && talk.message(1));
        let room = &talk.room;
        let message = room.events[talk.last].clone();
        let check = |auth: &[Nid], rejected: Option<Nid>| {
            let ids: Vec<_> = auth
                .iter()
                .map(|n| Reference::to(version, &room.events[*n]))
                .collect();
            let draft = Draft {
                event_type: "m.room.message".into(),
                state_key: None,
                sender: user(1),
                content: message.content().to_owned(),
                redacts: None,
                origin_ts_ms: 5,
            };
            let placement = Placement {
                room_id: room.room_id(),
                prev_events: &[],
                auth_events: &ids,
                depth: 9,
            };
            let pdu = draft.build(version, &placement, &room.key).unwrap();
            auth::check_auth_events(version, &pdu, |id| {
                let n = *room.numbers.get(id)?;
                Some(room.events[n].clone().with_rejected(rejected == Some(n)))
            })
        };
        let right: &[Nid] = if version.room_id_is_create_hash() {
            &[2, 4]
        } else {
            &[0, 2, 4]
        };
        check(right, None).unwrap();
        check(right, Some(2)).unwrap_err();
        check(right, Some(0)).unwrap_err();
        check(&[right, &[3]].concat(), None).expect_err("join rules are not asked for");
        check(&[right, &[1]].concat(), None).expect_err("another member is not asked for");
        check(&[right, &[2]].concat(), None).expect_err("the same twice");
        if !version.room_id_is_create_hash() {
            check(&right[1..], None).expect_err("no create event");
        }
        let named: Vec<Nid> = room.auth_numbers(talk.last);
        let mut named = named;
        named.sort_unstable();
        assert_eq!(named, right);
    }
}
