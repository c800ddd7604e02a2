use ruma::{RoomVersionId, event_id, server_name};
use serde_json::{Value, json};

use super::{PolicyServer, is_policed, with_signature};
use crate::redact::redact;
use crate::{Pdu, RoomVersion, ServerKey};

fn event(kind: &str, state_key: Option<&str>, content: &Value) -> Pdu {
    let mut json = json!({
        "auth_events": [], "content": content, "depth": 1, "hashes": {"sha256": ""},
        "origin_server_ts": 1, "prev_events": [], "room_id": "!room:a.b", "sender": "@eve:a.b",
        "signatures": {"a.b": {"ed25519:1": "c2ln"}}, "type": kind,
    });
    if let Some(key) = state_key {
        json["state_key"] = key.into();
    }
    let version = RoomVersion::find(&RoomVersionId::V11).expect("a known version");
    Pdu::from_stored(version, event_id!("$event").to_owned(), json.to_string()).expect("an event")
}

fn public(key: &ServerKey) -> String {
    ruma::serde::Base64::<ruma::serde::base64::Standard>::new(key.public_key().to_vec()).encode()
}

#[test]
fn a_signature_is_of_the_server_the_room_names_with_its_key() {
    let key = ServerKey::generate(server_name!("a.b").to_owned(), "policy_server").expect("a key");
    let read = |content: Value| PolicyServer::read(&event("m.room.policy", Some(""), &content));
    let good = json!({"via": "a.b", "public_keys": {"ed25519": public(&key)}});
    let policy = read(good).expect("a policy server");
    let message = event("m.room.message", None, &json!({"body": "hi"}));
    assert!(!policy.has_signed(&message));
    let mut signed = redact(message.version(), &message).to_object();
    key.sign_json(&mut signed).expect("signed");
    let signature = signed["signatures"].as_object().expect("signatures")["a.b"]
        .as_object()
        .expect("of the server")["ed25519:policy_server"]
        .as_str()
        .expect("a text")
        .to_owned();
    let server = server_name!("a.b");
    let stamped = with_signature(&message, server, &signature).expect("an event");
    assert!(policy.has_signed(&stamped));
    assert!(stamped.json().contains("c2ln"), "the other signature stays");
    let altered = event(
        "m.room.member",
        Some("@eve:a.b"),
        &json!({"membership": "join"}),
    );
    let altered = with_signature(&altered, server, &signature).expect("an event");
    assert!(!policy.has_signed(&altered));
    let elsewhere = with_signature(&message, server_name!("c.d"), &signature).expect("an event");
    assert!(!policy.has_signed(&elsewhere));
    let other = ServerKey::generate(server.to_owned(), "policy_server").expect("a key");
    let other = json!({"via": "a.b", "public_keys": {"ed25519": public(&other)}});
    assert!(!read(other).expect("a policy server").has_signed(&stamped));
    for bad in [
        json!({}),
        json!({"via": "a.b", "public_keys": {}}),
        json!({"via": "a.b", "public_keys": {"ed25519": "short"}}),
        json!({"via": 5, "public_keys": {"ed25519": public(&key)}}),
        json!({"via": "not a server", "public_keys": {"ed25519": public(&key)}}),
    ] {
        assert_eq!(read(bad.clone()), None, "{bad}");
    }
}

#[test]
fn only_the_event_that_names_it_is_not_asked_about() {
    for (kind, key, policed) in [
        ("m.room.policy", Some(""), false),
        ("m.room.policy", Some("x"), true),
        ("m.room.policy", None, true),
        ("m.room.member", Some("@eve:a.b"), true),
    ] {
        assert_eq!(
            is_policed(&event(kind, key, &json!({}))),
            policed,
            "{kind} {key:?}"
        );
    }
}
