//! State, redactions, single events and transaction ids.

use causeway_testkit::reader::{ids, of_type, timeline};
use causeway_testkit::{TestServer, v3};
use serde_json::json;

#[tokio::test]
async fn state_is_read_and_written_by_type_and_key() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    let kind = "org.example.thing";
    let first = alice.set_state(&room, kind, "a/b c", json!({"n": 1})).await;
    alice.set_state(&room, kind, "", json!({"n": 2})).await;
    assert_eq!(alice.state(&room, kind, "a/b c").await, json!({"n": 1}));
    // An empty key may be left out, with or without the slash.
    assert_eq!(
        alice.get(v3(&["rooms", &room, "state", kind])).await,
        json!({"n": 2})
    );
    assert_eq!(alice.state(&room, kind, "").await, json!({"n": 2}));
    alice
        .state(&room, kind, "other")
        .fails(404, "M_NOT_FOUND")
        .await;
    let event = alice
        .state(&room, kind, "a/b c")
        .query("format", "event")
        .await;
    assert_eq!(
        (&event["event_id"], &event["content"]["n"]),
        (&first["event_id"], &json!(1))
    );

    let all = bob.get(v3(&["rooms", &room, "state"])).await;
    let all = all.as_array().expect("a list").clone();
    assert_eq!(all.iter().filter(|e| e["type"] == kind).count(), 2);
    assert_eq!(
        all.iter().filter(|e| e["type"] == "m.room.member").count(),
        2
    );
    bob.set_state(&room, kind, "", json!({}))
        .fails(403, "M_FORBIDDEN")
        .await;
}

#[tokio::test]
async fn a_key_that_is_a_user_id_belongs_to_that_user() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let levels = json!({"state_default": 0});
    let body = json!({"preset": "public_chat", "power_level_content_override": levels});
    let room = alice.create_room(body).await;
    bob.join(&room).await;
    bob.set_state(&room, "org.example.thing", bob.id(), json!({}))
        .await;
    let of_alice = bob.set_state(&room, "org.example.thing", alice.id(), json!({}));
    of_alice.fails(403, "M_FORBIDDEN").await;
}

#[tokio::test]
async fn the_same_state_again_is_the_same_event() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let one = alice
        .set_state(&room, "m.room.topic", "", json!({"topic": "x"}))
        .await;
    let two = alice
        .set_state(&room, "m.room.topic", "", json!({"topic": "x"}))
        .await;
    assert_eq!(one, two);
    let three = alice
        .set_state(&room, "m.room.topic", "", json!({"topic": "y"}))
        .await;
    assert_ne!(one, three);
    let event = alice
        .event(&room, three["event_id"].as_str().expect("an id"))
        .await;
    assert_eq!(event["unsigned"]["replaces_state"], one["event_id"]);
    assert_eq!(event["unsigned"]["prev_content"]["topic"], "x");
}

#[tokio::test]
async fn who_left_sees_the_state_of_that_time() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice
        .create_room(json!({"preset": "public_chat", "topic": "then"}))
        .await;
    bob.join(&room).await;
    bob.leave(&room).await;
    alice
        .set_state(&room, "m.room.topic", "", json!({"topic": "now"}))
        .await;
    assert_eq!(bob.state(&room, "m.room.topic", "").await["topic"], "then");
    let all = bob.get(v3(&["rooms", &room, "state"])).await;
    let topic = of_type(all.as_array().expect("a list"), "m.room.topic").cloned();
    assert_eq!(topic.expect("a topic")["content"]["topic"], "then");
    let stranger = server.user("carol").await;
    stranger
        .get(v3(&["rooms", &room, "state"]))
        .fails(403, "M_FORBIDDEN")
        .await;
    stranger
        .state(&room, "m.room.topic", "")
        .fails(403, "M_FORBIDDEN")
        .await;
}

#[tokio::test]
async fn redactions_take_the_content_and_need_power() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let carol = server.user("carol").await;
    for version in ["1", "10", "11", "12"] {
        let body = json!({"preset": "public_chat", "room_version": version});
        let room = alice.create_room(body).await;
        bob.join(&room).await;
        carol.join(&room).await;
        let mut reader = carol.caught_up().await;
        let event = bob.say(&room, "a secret").await;
        let path = v3(&["rooms", &room, "redact", &event, "t-carol"]);
        carol.put(path, json!({})).fails(403, "M_FORBIDDEN").await;
        let redaction = alice.redact(&room, &event).await;
        reader.until_event(&room, &redaction).await;
        let seen = carol.event(&room, &event).await;
        assert_eq!(seen["content"], json!({}));
        let because = &seen["unsigned"]["redacted_because"];
        assert_eq!(
            (&because["sender"], &because["type"]),
            (&json!(alice.id()), &json!("m.room.redaction"))
        );
        assert_eq!(because["content"]["reason"], "a mistake");
        let history = json!(carol.all_messages(&room, "b", 50).await);
        assert!(!history.to_string().contains("a secret"), "{version}");
        let whole = carol.reader().now().await;
        assert!(!whole.to_string().contains("a secret"), "{version}");
    }
}

#[tokio::test]
async fn redacted_state_keeps_what_authorises() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice
        .create_room(json!({"preset": "public_chat", "topic": "gone soon"}))
        .await;
    let topic = alice
        .state(&room, "m.room.topic", "")
        .query("format", "event")
        .await;
    alice
        .redact(&room, topic["event_id"].as_str().expect("an id"))
        .await;
    assert_eq!(alice.state(&room, "m.room.topic", "").await, json!({}));
    let member = alice
        .membership(&room, alice.id())
        .query("format", "event")
        .await;
    alice
        .redact(&room, member["event_id"].as_str().expect("an id"))
        .await;
    assert_eq!(
        alice.membership(&room, alice.id()).await["membership"],
        "join"
    );
    alice.say(&room, "still here").await;
}

#[tokio::test]
async fn a_transaction_is_sent_once() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let second = server.client().login("alice").await;
    let room = alice.create_public_room().await;
    let mut reader = alice.caught_up().await;
    let path = v3(&["rooms", &room, "send", "m.room.message", "only once"]);
    let content = json!({"msgtype": "m.text", "body": "once"});
    let one = alice.put(&path, content.clone()).await;
    let again = alice
        .put(&path, json!({"msgtype": "m.text", "body": "other"}))
        .await;
    assert_eq!(one, again);
    // Another device has its own transactions.
    let other = second.put(&path, content).await;
    assert_ne!(one, other);
    let id = other["event_id"].as_str().expect("an id").to_owned();
    let mut seen = Vec::new();
    reader
        .until("both events", |sync| {
            seen.extend(timeline(sync, &room).to_vec());
            ids(&seen).contains(&id)
        })
        .await;
    assert_eq!(ids(&seen), [one["event_id"].as_str().expect("an id"), &id]);
    // The device that sent it, and no other, hears its transaction id.
    assert_eq!(seen[0]["unsigned"]["transaction_id"], "only once");
    assert!(seen[1]["unsigned"].get("transaction_id").is_none());
}

#[tokio::test]
async fn a_transaction_is_sent_once_even_at_the_same_time() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let path = v3(&["rooms", &room, "send", "m.room.message", "at the same time"]);
    let many: Vec<_> = (0..8)
        .map(|number| {
            let (alice, path) = (alice.clone(), path.clone());
            let content = json!({"msgtype": "m.text", "body": format!("{number}")});
            tokio::spawn(async move { alice.put(path, content).await })
        })
        .collect();
    let mut answers = Vec::new();
    for task in many {
        answers.push(task.await.expect("an answer"));
    }
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    let history = alice.all_messages(&room, "b", 50).await;
    assert_eq!(
        history
            .iter()
            .filter(|e| e["type"] == "m.room.message")
            .count(),
        1
    );
}

#[tokio::test]
async fn redactions_and_to_device_messages_have_transactions_too() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    let event = alice.say(&room, "x").await;
    let path = v3(&["rooms", &room, "redact", &event, "r1"]);
    let one = alice.put(&path, json!({})).await;
    assert_eq!(one, alice.put(&path, json!({})).await);

    let mut reader = bob.caught_up().await;
    let body = json!({"messages": {bob.id(): {"*": {"n": 1}}}});
    let path = v3(&["sendToDevice", "org.example.ping", "d1"]);
    alice.put(&path, body.clone()).await;
    alice.put(&path, body).await;
    let sync = reader
        .until("the message", |s| !s["to_device"]["events"].is_null())
        .await;
    let events = sync["to_device"]["events"].as_array().expect("a list");
    assert_eq!(events.len(), 1, "{sync}");
    assert_eq!(
        (&events[0]["sender"], &events[0]["content"]["n"]),
        (&json!(alice.id()), &json!(1))
    );
    // What has arrived does not come again.
    let next = reader.now().await;
    assert!(
        next["to_device"]["events"]
            .as_array()
            .is_none_or(Vec::is_empty),
        "{next}"
    );
}
