//! Small rules: visibility, membership, what clients see, versions, keys, the packed index.

#![allow(clippy::unwrap_used)]

mod sim;

use std::collections::BTreeMap;

use causeway_events::auth_index::{Coverage, Indexed, Place, Reach};
use causeway_events::client::{ClientEvent, Format, Unsigned, stripped};
use causeway_events::visibility::{Sight, Visibility, may_see};
use causeway_events::{Membership, Pdu, RoomVersion, ServerKey};
use proptest::prelude::*;
use ruma::OwnedEventId;
use serde_json::{Value, json};
use sim::{Room, user};

fn sight(visibility: Visibility, membership: Membership, joined_later: bool) -> Sight {
    Sight {
        visibility,
        visibility_after: None,
        membership,
        membership_after: None,
        joined_later,
    }
}

#[test]
fn history_is_seen_as_the_room_says() {
    use Membership::{Ban, Invite, Join, Knock, Leave};
    use Visibility::{Invited, Joined, Shared, WorldReadable};
    for membership in [Invite, Join, Knock, Leave, Ban] {
        for later in [false, true] {
            let sees = |visibility| may_see(&sight(visibility, membership, later));
            assert!(sees(WorldReadable));
            assert_eq!(sees(Shared), membership == Join || later);
            assert_eq!(sees(Invited), matches!(membership, Join | Invite));
            assert_eq!(sees(Joined), membership == Join);
        }
    }
}

#[test]
fn changes_of_visibility_and_of_oneself_are_seen_from_both_sides() {
    use Membership::{Ban, Join, Leave};
    use Visibility::{Joined, WorldReadable};
    let closing = Sight {
        visibility_after: Some(Joined),
        ..sight(WorldReadable, Leave, false)
    };
    let opening = Sight {
        visibility_after: Some(WorldReadable),
        ..sight(Joined, Leave, false)
    };
    assert!(may_see(&closing) && may_see(&opening));
    let coming = Sight {
        membership_after: Some(Join),
        ..sight(Joined, Leave, false)
    };
    let going = Sight {
        membership_after: Some(Ban),
        ..sight(Joined, Join, false)
    };
    assert!(may_see(&coming) && may_see(&going));
    let refused = Sight {
        membership_after: Some(Ban),
        ..sight(Joined, Leave, false)
    };
    assert!(!may_see(&refused));
}

#[test]
fn words_are_the_specifications() {
    for word in ["invite", "join", "knock", "leave", "ban"] {
        assert_eq!(Membership::parse(word).unwrap().as_str(), word);
    }
    assert_eq!(Membership::parse("JOIN"), None);
    assert_eq!(Visibility::parse("whatever"), Visibility::Shared);
    assert_eq!(Visibility::of(None), Visibility::Shared);
}

#[test]
fn all_versions_are_known_and_stable() {
    let ids: Vec<_> = RoomVersion::all()
        .map(|version| version.id().to_string())
        .collect();
    assert_eq!(ids, (1..=12).map(|n| n.to_string()).collect::<Vec<_>>());
    assert!(RoomVersion::all().all(RoomVersion::is_stable));
    assert_eq!(RoomVersion::find(&"13".try_into().unwrap()), None);
}

#[test]
fn keys_tell_no_secrets() {
    let key = ServerKey::generate("domain".try_into().unwrap(), "a_1").unwrap();
    assert_eq!(format!("{key:?}"), "ServerKey(domain ed25519:a_1)");
    let again = ServerKey::from_der("domain".try_into().unwrap(), "a_1", &key.to_der()).unwrap();
    assert_eq!(again.public_key(), key.public_key());
    for version in ["", "a:b", "a b", "é"] {
        assert!(ServerKey::generate("domain".try_into().unwrap(), version).is_err());
    }
    assert!(ServerKey::from_der("domain".try_into().unwrap(), "1", b"nonsense").is_err());
}

fn event(version: RoomVersion, more: Value) -> Pdu {
    let mut event = json!({
        "type": "m.room.message", "sender": user(1), "room_id": "!r:domain",
        "content": {"body": "x"}, "origin_server_ts": 1000, "depth": 3, "hashes": {},
        "signatures": {}, "auth_events": [], "prev_events": [],
    });
    for (key, value) in more.as_object().unwrap() {
        event[key] = value.clone();
    }
    let id = OwnedEventId::try_from("$e:domain").unwrap();
    Pdu::from_stored(version, id, event.to_string()).unwrap()
}

fn shown(pdu: &Pdu, format: Format, unsigned: &Unsigned<'_>) -> Value {
    let rendered = ClientEvent::new(pdu);
    let text = rendered.to_json(format, unsigned);
    let mut out = b"before".to_vec();
    rendered.write(format, unsigned, &mut out);
    assert_eq!(out, format!("before{text}").as_bytes());
    serde_json::from_str(&text).unwrap()
}

#[test]
fn clients_see_what_is_theirs() {
    let version = RoomVersion::all().last().unwrap();
    let pdu = event(version, json!({"type": "a\"b", "state_key": "k\\\n"}));
    let plain = json!({
        "type": "a\"b", "state_key": "k\\\n", "sender": user(1), "event_id": "$e:domain",
        "content": {"body": "x"}, "origin_server_ts": 1000,
    });
    assert_eq!(shown(&pdu, Format::Sync, &Unsigned::default()), plain);
    let mut full = plain.clone();
    full["room_id"] = "!r:domain".into();
    assert_eq!(shown(&pdu, Format::Full, &Unsigned::default()), full);
    let replaced = OwnedEventId::try_from("$old:domain").unwrap();
    let (sender, relations) = (user(2), r#"{"m.thread":{"count":1}}"#);
    let unsigned = Unsigned {
        now_ms: Some(1234),
        transaction_id: Some("t\"1"),
        delay_id: Some("d1"),
        redacted_because: Some(r#"{"type":"m.room.redaction"}"#),
        prev_content: Some(r#"{"topic":"old"}"#),
        replaces_state: Some(&replaced),
        prev_sender: Some(&sender),
        membership: Some("join"),
        relations: Some(relations),
    };
    let mut whole = plain;
    whole["unsigned"] = json!({
        "age": 234, "transaction_id": "t\"1", "org.matrix.msc4140.delay_id": "d1",
        "redacted_because": {"type": "m.room.redaction"},
        "prev_content": {"topic": "old"}, "replaces_state": "$old:domain",
        "prev_sender": user(2), "membership": "join", "m.relations": {"m.thread": {"count": 1}},
    });
    assert_eq!(shown(&pdu, Format::Sync, &unsigned), whole);
    let only = Unsigned {
        relations: Some(relations),
        ..Unsigned::default()
    };
    whole["unsigned"] = json!({"m.relations": {"m.thread": {"count": 1}}});
    assert_eq!(shown(&pdu, Format::Sync, &only), whole);
    let early = Unsigned {
        now_ms: Some(1),
        ..Unsigned::default()
    };
    assert_eq!(shown(&pdu, Format::Sync, &early)["unsigned"]["age"], 0);
    let stripped: Value = serde_json::from_str(&stripped(&pdu)).unwrap();
    let expected = json!({
        "type": "a\"b", "state_key": "k\\\n", "sender": user(1), "content": {"body": "x"}});
    assert_eq!(stripped, expected);
}

#[test]
fn redactions_name_their_target_twice_for_clients() {
    for version in RoomVersion::all() {
        let in_content = version.rules().redaction.content_field_redacts;
        for content in [json!({}), json!({"reason": "spam"})] {
            let mut more = json!({"type": "m.room.redaction", "content": content.clone()});
            if in_content {
                more["content"]["redacts"] = "$x:domain".into();
            } else {
                more["redacts"] = "$x:domain".into();
            }
            let shown = shown(&event(version, more), Format::Sync, &Unsigned::default());
            assert_eq!(shown["redacts"], "$x:domain");
            let mut whole = content;
            whole["redacts"] = "$x:domain".into();
            assert_eq!(shown["content"], whole);
        }
        // The other place of the other versions means nothing, nor does a value of another type.
        let mut wrong = json!({"type": "m.room.redaction", "content": {}});
        if in_content {
            wrong["redacts"] = "$x:domain".into();
        } else {
            wrong["content"]["redacts"] = "$x:domain".into();
        }
        assert_eq!(event(version, wrong).redacts(), None);
        let odd = json!({"type": "m.room.redaction", "content": {"redacts": 1}, "redacts": 1});
        assert_eq!(event(version, odd).redacts(), None);
        let message = json!({"content": {"redacts": "$x:domain"}, "redacts": "$x:domain"});
        assert_eq!(event(version, message).redacts(), None);
    }
}

#[test]
fn an_index_entry_covers_its_chain_up_to_itself() {
    let room = Room::new(RoomVersion::all().last().unwrap());
    let levels = room.index[2].clone().unwrap();
    let rules = room.index[3].clone().unwrap();
    assert!(rules.covers(levels.place) && rules.covers(rules.place));
    assert!(!levels.covers(rules.place));
    assert_eq!(levels.extent(levels.place.chain), levels.place.seq);
}

fn indexed() -> impl Strategy<Value = Indexed> {
    let reach = prop::collection::btree_map(0_u64..6, 1_u32..9, 0..4);
    (0_u64..6, 1_u32..9, reach).prop_map(|(chain, seq, mut reach)| {
        reach.remove(&chain);
        Indexed {
            place: Place { chain, seq },
            reach: Reach::new(reach.into_iter().collect()),
        }
    })
}

proptest! {
    #[test]
    fn reach_is_packed_and_unpacked(map in prop::collection::btree_map(0_u64..1 << 63, any::<u32>(), 0..20)) {
        let reach = Reach::new(map.into_iter().collect());
        prop_assert_eq!(Reach::unpack(&reach.pack()).unwrap(), reach);
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(reach) = Reach::unpack(&bytes) {
            prop_assert_eq!(Reach::unpack(&reach.pack()).unwrap(), reach);
        }
    }

    /// A coverage that was changed step by step equals one made at once.
    #[test]
    fn coverage_follows_the_state(
        entries in prop::collection::vec(indexed(), 1..12),
        gone in prop::collection::vec(any::<bool>(), 12),
    ) {
        // No two events stand in one place.
        let entries: Vec<Indexed> = entries
            .into_iter()
            .map(|entry| (entry.place, entry))
            .collect::<BTreeMap<_, _>>()
            .into_values()
            .collect();
        let mut coverage: Coverage = entries.iter().collect();
        let (out, stay): (Vec<_>, Vec<_>) =
            entries.iter().zip(&gone).partition(|(_, gone)| **gone);
        let out: Vec<&Indexed> = out.into_iter().map(|(entry, _)| entry).collect();
        let extent = |chain| stay.iter().map(|(e, _)| e.extent(chain)).max().unwrap_or(0);
        for chain in 0..6 {
            prop_assert_eq!(coverage.extent_without(chain, &out), extent(chain));
        }
        for entry in &out {
            coverage.remove(entry);
        }
        for chain in 0..6 {
            prop_assert_eq!(coverage.extent(chain), extent(chain));
        }
    }
}
