//! What strangers and clients might send: refused, without harm.

#![allow(clippy::unwrap_used)]

use causeway_events::canonical::Value as Canonical;
use causeway_events::{BuildError, Draft, FormatError, Pdu, Placement, RoomVersion, ServerKey};
use proptest::prelude::*;
use ruma::{CanonicalJsonValue, owned_room_id, owned_user_id};
use serde_json::value::RawValue;
use serde_json::{Value, json};

fn latest() -> RoomVersion {
    RoomVersion::find(&"11".try_into().unwrap()).unwrap()
}

fn good() -> Value {
    json!({
        "type": "m.room.message", "sender": "@u:domain", "room_id": "!r:domain",
        "content": {"body": "x"}, "origin_server_ts": 1, "depth": 3, "hashes": {"sha256": "x"},
        "signatures": {}, "auth_events": [], "prev_events": [format!("${}", "a".repeat(43))],
    })
}

fn receive(event: &Value) -> Result<Pdu, FormatError> {
    Pdu::from_stranger(latest(), &event.to_string())
}

#[test]
fn the_measure_itself_is_accepted() {
    receive(&good()).unwrap();
}

#[test]
fn wrong_types_and_missing_fields_are_refused() {
    let wrong = [
        json!(null),
        json!(true),
        json!(7),
        json!(-7),
        json!([]),
        json!({}),
        json!("x"),
        json!([[]]),
    ];
    for field in [
        "type",
        "sender",
        "room_id",
        "content",
        "origin_server_ts",
        "depth",
        "hashes",
        "signatures",
        "auth_events",
        "prev_events",
        "state_key",
    ] {
        let mut event = good();
        if event.as_object_mut().unwrap().remove(field).is_some() {
            assert!(receive(&event).is_err(), "without {field}");
        }
        let fits: &[Value] = match field {
            "type" | "state_key" => &[json!("x")],
            "content" | "hashes" | "signatures" => &[json!({})],
            "origin_server_ts" | "depth" => &[json!(7)],
            "auth_events" | "prev_events" => &[json!([])],
            _ => &[],
        };
        for value in wrong.iter().filter(|value| !fits.contains(value)) {
            let mut event = good();
            event[field] = value.clone();
            assert!(receive(&event).is_err(), "{field}: {value}");
        }
    }
}

#[test]
fn numbers_that_are_not_canonical_are_refused() {
    for number in [
        "1.0",
        "1e3",
        "9007199254740992",
        "-9007199254740992",
        "1e400",
        "123456789012345678901234567890",
        "0.1",
    ] {
        let text = good().to_string().replace("\"x\"}", &format!("{number}}}"));
        assert!(text.contains(number));
        assert!(Pdu::from_stranger(latest(), &text).is_err(), "{number}");
    }
}

#[test]
fn long_names_are_refused() {
    for (field, start) in [
        ("type", ""),
        ("state_key", ""),
        ("sender", "@"),
        ("room_id", "!"),
    ] {
        for (bytes, fits) in [(255, true), (256, false)] {
            let end = if start.is_empty() { "" } else { ":domain" };
            let filling = "x".repeat(bytes - start.len() - end.len());
            let mut event = good();
            event[field] = format!("{start}{filling}{end}").into();
            assert_eq!(receive(&event).is_ok(), fits, "{field} of {bytes} bytes");
        }
    }
    // Bytes count, not characters.
    let mut event = good();
    event["state_key"] = "é".repeat(128).into();
    assert!(matches!(
        receive(&event),
        Err(FormatError::FieldTooLong("state_key"))
    ));
}

#[test]
fn long_lists_and_large_events_are_refused() {
    let ids = |n: usize| -> Value { (0..n).map(|n| format!("${n:0>43}")).collect() };
    for (field, most) in [("prev_events", 20), ("auth_events", 10)] {
        for (n, fits) in [(most, true), (most + 1, false)] {
            let mut event = good();
            event[field] = ids(n);
            assert_eq!(receive(&event).is_ok(), fits, "{n} {field}");
        }
    }
    let base = good().to_string().len();
    for (bytes, fits) in [(65_536, true), (65_537, false)] {
        let mut event = good();
        event["content"]["body"] = "x".repeat(bytes - base + 1).into();
        assert_eq!(event.to_string().len(), bytes);
        // The hash does not match, so what is taken is the redacted event; the limit is on what
        // was sent.
        assert_eq!(receive(&event).is_ok(), fits, "{bytes} bytes");
    }
    let spaces = format!("{}{}", good(), " ".repeat(1 << 20));
    assert!(matches!(
        Pdu::from_stranger(latest(), &spaces),
        Err(FormatError::TooLarge(_))
    ));
}

#[test]
fn deep_json_is_refused_and_harms_nobody() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
        let text = good().to_string().replace("\"x\"", &deep);
        assert!(Pdu::from_stranger(latest(), &text).is_err());
        let content = RawValue::from_string(format!("{{\"a\":{deep}}}")).unwrap();
        assert!(matches!(build(content), Err(BuildError::Content(_))));
    }
}

fn build(content: Box<RawValue>) -> Result<Pdu, BuildError> {
    let key = ServerKey::generate("domain".try_into().unwrap(), "1").unwrap();
    let draft = Draft {
        event_type: "m.room.message".into(),
        state_key: None,
        sender: owned_user_id!("@u:domain"),
        content,
        redacts: None,
        origin_ts_ms: 1,
    };
    let room_id = owned_room_id!("!r:domain");
    let placement = Placement {
        room_id: Some(&room_id),
        prev_events: &[],
        auth_events: &[],
        depth: 1,
    };
    draft.build(latest(), &placement, &key)
}

#[test]
fn drafts_are_held_to_the_same_limits() {
    let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
    for bad in [
        "[]",
        "1",
        "null",
        r#"{"a":1.5}"#,
        r#"{"a":9007199254740992}"#,
        r#"{"a":1,"a":2}"#,
    ] {
        assert!(
            matches!(build(raw(bad)), Err(BuildError::Content(_))),
            "{bad}"
        );
    }
    let bytes = build(raw(r#"{"body":""}"#)).unwrap().json().len();
    let filled = |n: usize| build(raw(&format!(r#"{{"body":"{}"}}"#, "x".repeat(n - bytes))));
    assert_eq!(filled(65_536).unwrap().json().len(), 65_536);
    assert!(matches!(filled(65_537), Err(BuildError::TooLarge(65_537))));
}

proptest! {
    /// Whatever the bytes, there is an answer.
    #[test]
    fn any_text_is_answered(text in ".{0,300}", at in 0_usize..12) {
        let version = RoomVersion::all().nth(at).unwrap();
        let _ = Pdu::from_stranger(version, &text);
        let _ = Canonical::parse(&text);
    }

    /// A good event with one place overwritten is refused or read, never a panic.
    #[test]
    fn any_damage_is_answered(at in 0_usize..300, with in "[\\[\\]{}\":,0-9a-z\\\\-]{1,3}", n in 0_usize..12) {
        let version = RoomVersion::all().nth(n).unwrap();
        let mut text = good().to_string();
        let at = at % text.len();
        text.replace_range(at..(at + with.len()).min(text.len()), &with);
        if let Ok(pdu) = Pdu::from_stranger(version, &text) {
            let again = Pdu::from_stranger(version, pdu.json()).unwrap();
            prop_assert_eq!(again.event_id(), pdu.event_id());
        }
    }

    /// Canonical JSON is what the reference makes of it, and stays itself.
    #[test]
    fn canonical_as_the_reference(text in r#"(\{("[a-c\\n"]{0,3}":|[0-9]{1,4}|,|\[|\]|\{|\}|"[^"\\]{0,3}"|true|null|-){0,12}\}|.{0,20})"#) {
        let ours = Canonical::parse(&text).map(|value| {
            let mut out = Vec::new();
            value.write(&mut out);
            String::from_utf8(out).unwrap()
        });
        let reference = serde_json::from_str::<CanonicalJsonValue>(&text);
        match (ours, reference) {
            (Ok(ours), Ok(reference)) => {
                prop_assert_eq!(&ours, &serde_json::to_string(&reference).unwrap());
                let value = Canonical::parse(&ours).unwrap();
                let mut again = Vec::new();
                value.write(&mut again);
                prop_assert_eq!(ours.into_bytes(), again);
            }
            // A key twice is refused here, and the last one taken there.
            (Err(error), Ok(_)) => prop_assert!(error.to_string().contains("twice"), "{}", error),
            (Ok(ours), Err(error)) => prop_assert!(false, "{ours}: {error}"),
            (Err(_), Err(_)) => {}
        }
    }
}
