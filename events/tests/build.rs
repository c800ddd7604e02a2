//! Draft -> Pdu, compared with the reference functions of ruma.

#![allow(clippy::unwrap_used)]

use causeway_events::{Draft, Pdu, Placement, Reference, RoomVersion, ServerKey, client, redact};
use proptest::prelude::*;
use ruma::canonical_json::CanonicalJsonValue;
use ruma::serde::Base64;
use ruma::signatures::{PublicKeyMap, hash_and_sign_event, reference_hash, verify_event};
use ruma::{CanonicalJsonObject, OwnedEventId, owned_room_id, owned_user_id};
use serde_json::value::RawValue;

const SEED: &str = "YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1";

fn key() -> ServerKey {
    use ed25519_dalek::pkcs8::EncodePrivateKey;
    let seed: Base64 = Base64::parse(SEED).unwrap();
    let signing = ed25519_dalek::SigningKey::from_bytes(seed.as_bytes().try_into().unwrap());
    let der = signing.to_pkcs8_der().unwrap();
    ServerKey::from_der("domain".try_into().unwrap(), "1", der.as_bytes()).unwrap()
}

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

/// An id of the right form for the version.
fn some_id(version: RoomVersion, n: u8) -> OwnedEventId {
    let text = if version.event_id_is_field() {
        format!("$event{n}:domain")
    } else {
        format!("${:A<42}{}", "", (b'A' + n % 26) as char)
    };
    OwnedEventId::try_from(text).unwrap()
}

fn verifies(version: RoomVersion, pdu: &Pdu) {
    let mut map = PublicKeyMap::new();
    map.entry("domain".to_owned()).or_default().insert(
        "ed25519:1".to_owned(),
        Base64::new(key().public_key().to_vec()),
    );
    verify_event(&map, &pdu.to_object(), version.rules()).unwrap();
}

#[test]
fn events_are_named_with_their_hash_where_the_id_is_none() {
    let room_id = owned_room_id!("!r:domain");
    let draft = |body: &str| Draft {
        event_type: "m.room.message".into(),
        state_key: None,
        sender: owned_user_id!("@u:domain"),
        content: raw(&format!(r#"{{"body":"{body}"}}"#)),
        redacts: None,
        origin_ts_ms: 1_000_000,
    };
    for version in RoomVersion::all() {
        let placement = Placement {
            room_id: Some(&room_id),
            prev_events: &[],
            auth_events: &[],
            depth: 1,
        };
        let first = draft("first").build(version, &placement, &key()).unwrap();
        let references = [Reference::to(version, &first)];
        let placement = Placement {
            prev_events: &references,
            auth_events: &references,
            depth: 2,
            ..placement
        };
        let second = draft("second").build(version, &placement, &key()).unwrap();
        let json: serde_json::Value = serde_json::from_str(second.json()).unwrap();
        let id = first.event_id().as_str();
        let named = if version.event_id_is_field() {
            let hash = reference_hash(&first.to_object(), version.rules()).unwrap();
            serde_json::json!([[id, {"sha256": hash}]])
        } else {
            serde_json::json!([id])
        };
        assert_eq!(
            (&json["prev_events"], &json["auth_events"]),
            (&named, &named)
        );
        assert_eq!(second.prev_events(), [first.owned_event_id().clone()]);
        verifies(version, &second);
    }
}

#[test]
fn a_message_is_built_in_every_version() {
    for version in RoomVersion::all() {
        let room_id = owned_room_id!("!r:domain");
        let ids = [some_id(version, 1), some_id(version, 2)];
        let references = ids.clone().map(Reference::from);
        let draft = Draft {
            event_type: "m.room.message".into(),
            state_key: None,
            sender: owned_user_id!("@u:domain"),
            content: raw(r#"{"msgtype":"m.text", "body":"Here is \u00e9"}"#),
            redacts: None,
            origin_ts_ms: 1_000_000,
        };
        let placement = Placement {
            room_id: Some(&room_id),
            prev_events: &references[..1],
            auth_events: &references,
            depth: 7,
        };
        let pdu = draft.build(version, &placement, &key()).unwrap();
        assert_eq!(
            pdu.content_json(),
            r#"{"body":"Here is é","msgtype":"m.text"}"#
        );
        assert_eq!((pdu.depth(), pdu.origin_ts_ms()), (7, 1_000_000));
        assert_eq!(pdu.prev_events(), &ids[..1]);
        assert_eq!(pdu.auth_events(), &ids);
        assert_eq!(pdu.room_id(), room_id);
        verifies(version, &pdu);
        let again = Pdu::from_stranger(version, pdu.json()).unwrap();
        assert_eq!(again, pdu);
        verifies(version, &redact::redact(version, &pdu));
        let client = client::ClientEvent::new(&pdu);
        let json = client.to_json(client::Format::Full, &client::Unsigned::default());
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["room_id"], "!r:domain");
        assert_eq!(value["event_id"], pdu.event_id().as_str());
        assert!(value.get("depth").is_none());
    }
}

fn reference(version: RoomVersion, pdu: &Pdu) -> (String, String) {
    let mut object: CanonicalJsonObject = pdu.to_object();
    object.remove("hashes");
    object.remove("signatures");
    let key = key();
    hash_and_sign_event(
        "domain",
        key.pair(),
        &mut object,
        &version.rules().redaction,
    )
    .unwrap();
    let id = match object.get("event_id") {
        Some(CanonicalJsonValue::String(id)) => id.clone(),
        _ => format!("${}", reference_hash(&object, version.rules()).unwrap()),
    };
    (serde_json::to_string(&object).unwrap(), id)
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Into::into),
        ".{0,12}".prop_map(Into::into),
        "[\\x00-\\x7f]{0,6}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::btree_map(
                "(membership|creator|ban|users|signed|.{0,5})",
                inner,
                0..5
            )
            .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

fn content() -> impl Strategy<Value = serde_json::Value> {
    let key =
        "(membership|third_party_invite|join_rule|allow|creator|redacts|users|ban|invite|.{0,6})";
    prop::collection::btree_map(key, json_value(), 0..6)
        .prop_map(|map| serde_json::Value::Object(map.into_iter().collect()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// What is built equals, byte for byte, what the reference functions make of the same
    /// fields; it comes back from a stranger unchanged.
    #[test]
    fn built_as_the_reference_builds(
        at in 0_usize..12,
        event_type in "(m\\.room\\.(message|member|create|join_rules|power_levels|redaction|aliases|history_visibility)|.{1,20})",
        state_key in prop::option::of(".{0,20}"),
        content in content(),
        redacts in any::<bool>(),
        ts in 0_u64..(1 << 53),
        depth in 0_u64..(1 << 53),
        prev in 0_u8..4,
    ) {
        let version = RoomVersion::all().nth(at).unwrap();
        let room_id = owned_room_id!("!r:domain");
        let no_room = version.room_id_is_create_hash() && event_type == "m.room.create";
        let prev: Vec<_> = (0..prev)
            .map(|n| Reference::from(some_id(version, n)))
            .collect();
        let redacts = redacts.then(|| some_id(version, 9));
        let draft = Draft {
            event_type,
            state_key,
            sender: owned_user_id!("@u:domain"),
            content: raw(&content.to_string()),
            redacts,
            origin_ts_ms: ts,
        };
        let placement = Placement {
            room_id: (!no_room).then_some(&*room_id),
            prev_events: &prev,
            auth_events: &prev[..prev.len().min(2)],
            depth,
        };
        let pdu = draft.build(version, &placement, &key()).unwrap();
        let (json, id) = reference(version, &pdu);
        prop_assert_eq!(pdu.json(), json);
        prop_assert_eq!(pdu.event_id().as_str(), id);
        prop_assert_eq!(pdu.event_type(), &draft.event_type);
        prop_assert_eq!(pdu.state_key(), draft.state_key.as_deref());
        let again = Pdu::from_stranger(version, pdu.json());
        prop_assert_eq!(again.unwrap(), pdu);
    }
}
