use causeway_store::{EventNid, RoomNid, RoomPlace};
use serde_json::{Value, json};

use super::*;

fn event(event_type: &str, state_key: Option<&str>, content: &Value) -> String {
    let mut event = json!({
        "type": event_type, "sender": "@alice:test", "room_id": "!room:test", "content": content,
        "origin_server_ts": 1, "depth": 1, "prev_events": [], "auth_events": [],
        "hashes": {"sha256": ""}, "signatures": {},
    });
    if let Some(key) = state_key {
        event["state_key"] = key.into();
    }
    event.to_string()
}

fn target(json: String) -> Target {
    Target {
        room: RoomNid(1),
        nid: EventNid(2),
        event_id: "$event".to_owned(),
        place: Some(RoomPlace {
            anchor: 3,
            offset: 0,
        }),
        flags: 0,
        json,
        version: "11".to_owned(),
        edit: None,
    }
}

fn message(content: &Value) -> Target {
    target(event("m.room.message", None, content))
}

#[test]
fn messages_names_and_topics_have_words() {
    let found = words(&message(&json!({"body": "hello", "url": "mxc://a/b"}))).unwrap();
    assert_eq!((found.text.as_str(), found.key), ("hello", Key::Body));
    assert!(found.has_url);
    let name = words(&target(event(
        "m.room.name",
        Some(""),
        &json!({"name": "kitchen"}),
    )));
    assert_eq!(name.unwrap().key, Key::Name);
    let topic = words(&target(event(
        "m.room.topic",
        Some(""),
        &json!({"topic": "food"}),
    )));
    assert_eq!(topic.unwrap().text, "food");
}

#[test]
fn what_is_no_text_has_no_words() {
    for content in [
        json!({}),
        json!({"body": 7}),
        json!({"body": {"deep": []}}),
        json!({"name": "no body"}),
    ] {
        assert!(words(&message(&content)).is_none(), "{content}");
    }
    let name = |key| words(&target(event("m.room.name", key, &json!({"name": "x"}))));
    assert!(name(Some("other")).is_none());
    assert!(name(None).is_none());
    let state = target(event("m.room.message", Some(""), &json!({"body": "x"})));
    assert!(words(&state).is_none());
    let encrypted = target(event("m.room.encrypted", None, &json!({"body": "x"})));
    assert!(words(&encrypted).is_none());
}

#[test]
fn what_is_refused_or_redacted_has_no_words() {
    for flags in [REJECTED, SOFT_FAILED, REDACTED] {
        let mut target = message(&json!({"body": "x"}));
        target.flags = flags;
        assert!(words(&target).is_none());
    }
    let mut outlier = message(&json!({"body": "x"}));
    outlier.place = None;
    assert!(words(&outlier).is_none());
}

#[test]
fn an_edit_takes_the_place_of_the_words() {
    let edit = |new: Value| {
        let mut target = message(&json!({"body": "old"}));
        let content = json!({"body": "* new", "m.new_content": new});
        target.edit = Some((EventNid(9), event("m.room.message", None, &content)));
        words(&target).unwrap()
    };
    let found = edit(json!({"body": "new"}));
    assert_eq!(
        (found.text.as_str(), found.edit),
        ("new", Some(EventNid(9)))
    );
    // An edit that says nothing changes nothing.
    let found = edit(json!({"body": 1}));
    assert_eq!((found.text.as_str(), found.edit), ("old", None));
}

#[test]
fn the_database_gets_texts_that_it_takes() {
    let found = words(&message(&json!({"body": "a\u{0}b"}))).unwrap();
    assert_eq!(found.text, "a b");
    let long = "ä".repeat(MAX_TEXT_BYTES);
    let found = words(&message(&json!({ "body": long }))).unwrap();
    assert_eq!(found.text.len(), MAX_TEXT_BYTES);
}
