//! Known answers: the specification's test vectors, and one event of each kind in each version.

#![allow(clippy::unwrap_used)]

use causeway_events::{Pdu, RoomVersion, ServerKey, redact};
use ruma::CanonicalJsonObject;
use ruma::serde::Base64;
use ruma::signatures::{hash_and_sign_event, reference_hash};
use serde::Deserialize;
use serde_json::{Value, json};

/// Appendices, Cryptographic test vectors.
const SEED: &str = "YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1";

fn key() -> ServerKey {
    use ed25519_dalek::pkcs8::EncodePrivateKey;
    let seed: Base64 = Base64::parse(SEED).unwrap();
    let signing = ed25519_dalek::SigningKey::from_bytes(seed.as_bytes().try_into().unwrap());
    let der = signing.to_pkcs8_der().unwrap();
    ServerKey::from_der("domain".try_into().unwrap(), "1", der.as_bytes()).unwrap()
}

fn object(value: Value) -> CanonicalJsonObject {
    serde_json::from_value(value).unwrap()
}

#[test]
fn json_is_signed_as_the_specification_shows() {
    let vectors = [
        (
            json!({}),
            "K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ",
        ),
        (
            json!({"one": 1, "two": "Two"}),
            "KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw",
        ),
    ];
    for (value, signature) in vectors {
        let mut signed = object(value);
        key().sign_json(&mut signed).unwrap();
        let signed = serde_json::to_value(&signed).unwrap();
        assert_eq!(signed["signatures"]["domain"]["ed25519:1"], signature);
    }
}

#[test]
fn events_are_hashed_and_signed_as_the_specification_shows() {
    let minimal = json!({
        "room_id": "!x:domain", "sender": "@a:domain", "origin": "domain",
        "origin_server_ts": 1_000_000, "signatures": {}, "hashes": {}, "type": "X", "content": {},
        "prev_events": [], "auth_events": [], "depth": 3, "unsigned": {"age_ts": 1_000_000},
    });
    let mut event = object(minimal);
    let rules = RoomVersion::all().next().unwrap().rules();
    hash_and_sign_event("domain", key().pair(), &mut event, &rules.redaction).unwrap();
    let event = serde_json::to_value(&event).unwrap();
    assert_eq!(
        event["hashes"]["sha256"],
        "5jM4wQpv6lnBo7CLIghJuHdW+s2CMBJPUOGOC89ncos"
    );
    assert_eq!(
        event["signatures"]["domain"]["ed25519:1"],
        "KxwGjPSDEtvnFgU00fwFz+l6d2pJM6XBIaMEn81SXPTRl16AqLAYqfIReFGZlHi5KLjAWbOoMszkwsQma+lYAg"
    );
    // The same event reaches us whole from version 3 to 10, and keeps its content.
    for version in RoomVersion::all().filter(|version| !version.event_id_is_field()) {
        let pdu = Pdu::from_stranger(version, &event.to_string()).unwrap();
        let hash = reference_hash(&pdu.to_object(), version.rules()).unwrap();
        assert_eq!(pdu.event_id().as_str(), format!("${hash}"));
    }
}

#[derive(Deserialize)]
struct Fixture {
    version: String,
    event: Value,
    event_id: String,
    redacts: Option<String>,
    stored: String,
    redacted: String,
}

fn fixtures() -> Vec<(RoomVersion, Fixture)> {
    let all: Vec<Fixture> = serde_json::from_str(include_str!("fixtures/events.json")).unwrap();
    all.into_iter()
        .map(|f| {
            (
                RoomVersion::find(&f.version.as_str().try_into().unwrap()).unwrap(),
                f,
            )
        })
        .collect()
}

#[test]
fn each_kind_in_each_version_has_its_id_and_form() {
    assert_eq!(fixtures().len(), 12 * 10);
    for (version, fixture) in fixtures() {
        let pdu = Pdu::from_stranger(version, &fixture.event.to_string()).unwrap();
        let name = format!("{version:?} {}", pdu.event_type());
        assert_eq!(pdu.event_id().as_str(), fixture.event_id, "{name}");
        assert_eq!(pdu.json(), fixture.stored, "{name}");
        assert_eq!(
            pdu.redacts().map(|id| id.to_string()),
            fixture.redacts,
            "{name}"
        );
        assert_eq!(pdu.event_type(), fixture.event["type"]);
        assert_eq!(pdu.state_key(), fixture.event["state_key"].as_str());
        assert_eq!(pdu.sender(), "@u:domain");
        assert_eq!(pdu.depth(), fixture.event["depth"].as_u64().unwrap());
        let stored = Pdu::from_stored(version, pdu.owned_event_id().clone(), pdu.json().into());
        assert_eq!(stored.unwrap(), pdu);
    }
}

#[test]
fn redaction_keeps_what_each_version_keeps() {
    for (version, fixture) in fixtures() {
        let pdu = Pdu::from_stranger(version, &fixture.event.to_string()).unwrap();
        let redacted = redact::redact(version, &pdu);
        let name = format!("{version:?} {}", pdu.event_type());
        assert_eq!(redacted.json(), fixture.redacted, "{name}");
        assert_eq!(redacted.event_id(), pdu.event_id());
        assert_eq!(
            redact::redact(version, &redacted),
            redacted,
            "twice is once: {name}"
        );
        // A redacted event still has the same id for whoever receives it.
        let received = Pdu::from_stranger(version, redacted.json()).unwrap();
        assert_eq!(received.event_id(), pdu.event_id(), "{name}");
    }
}

#[test]
fn an_event_whose_content_was_changed_is_redacted() {
    for (version, mut fixture) in fixtures() {
        fixture.event["content"]["tampered"] = json!(true);
        let pdu = Pdu::from_stranger(version, &fixture.event.to_string()).unwrap();
        assert_eq!(pdu.json(), redact::redact(version, &pdu).json());
        if !pdu.content_json().contains("tampered") {
            assert_eq!(pdu.event_id().as_str(), fixture.event_id);
        }
    }
}

#[test]
fn a_create_event_of_version_12_names_the_room() {
    for (version, fixture) in fixtures() {
        if fixture.event["type"] != "m.room.create" {
            continue;
        }
        let pdu = Pdu::from_stranger(version, &fixture.event.to_string()).unwrap();
        let expected = if version.room_id_is_create_hash() {
            fixture.event_id.replace('$', "!")
        } else {
            "!r:domain".to_owned()
        };
        assert_eq!(pdu.room_id().as_str(), expected);
    }
}
