//! Bad events, unknown rooms, and numbers and texts that break rules.

use causeway_testkit::{Call, TestClient, TestServer, v1, v3};
use serde_json::{Value, json};

async fn refused_as(call: Call, statuses: &[u16], codes: &[&str]) {
    let reply = call.reply().await;
    let fits = statuses.contains(&reply.status) && codes.contains(&reply.code().as_str());
    assert!(
        fits,
        "{} {}",
        reply.status,
        String::from_utf8_lossy(&reply.bytes)
    );
}

#[tokio::test]
async fn unknown_rooms_and_events() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let nowhere = format!("!nowhere:{}", server.name());
    let closed = ["M_FORBIDDEN", "M_NOT_FOUND"];
    for segments in [
        vec!["rooms", &nowhere, "state"],
        vec!["rooms", &nowhere, "state", "m.room.name", ""],
        vec!["rooms", &nowhere, "members"],
        vec!["rooms", &nowhere, "joined_members"],
        vec!["rooms", &nowhere, "event", "$x"],
        vec!["rooms", &nowhere, "context", "$x"],
    ] {
        refused_as(alice.get(v3(&segments)), &[403, 404], &closed).await;
    }
    refused_as(alice.messages(&nowhere, "b", None, 5), &[403, 404], &closed).await;
    refused_as(
        alice.get(v1(&["rooms", &nowhere, "hierarchy"])),
        &[403, 404],
        &closed,
    )
    .await;
    refused_as(
        alice.get(v1(&["rooms", &nowhere, "threads"])),
        &[403, 404],
        &closed,
    )
    .await;
    refused_as(alice.join(&nowhere), &[404], &["M_NOT_FOUND"]).await;
    refused_as(alice.knock(&nowhere), &[403, 404], &closed).await;
    refused_as(alice.leave(&nowhere), &[403, 404], &closed).await;
    refused_as(alice.invite(&nowhere, alice.id()), &[403, 404], &closed).await;
    let content = json!({"msgtype": "m.text", "body": "x"});
    let call = alice.send_event(&nowhere, "m.room.message", content);
    refused_as(call, &[403, 404], &closed).await;
    refused_as(
        alice.set_state(&nowhere, "m.room.name", "", json!({"name": "x"})),
        &[403, 404],
        &closed,
    )
    .await;
    let room = alice.create_public_room().await;
    alice
        .event(&room, "$nothing")
        .fails(404, "M_NOT_FOUND")
        .await;
    let redact = v3(&["rooms", &room, "redact", "$nothing", "t1"]);
    let reply = alice.put(redact, json!({})).reply().await;
    assert!(
        reply.status == 404 || reply.status == 200,
        "{}",
        reply.json()
    );
}

#[tokio::test]
async fn an_event_of_more_than_65536_bytes_is_too_large() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let message = |size: usize| {
        let content = json!({"msgtype": "m.text", "body": "x".repeat(size)});
        alice.send_event(&room, "m.room.message", content)
    };
    message(64_000).await;
    message(65_536).fails(413, "M_TOO_LARGE").await;
    message(200_000).fails(413, "M_TOO_LARGE").await;
    let topic = json!({"topic": "y".repeat(66_000)});
    alice
        .set_state(&room, "m.room.topic", "", topic)
        .fails(413, "M_TOO_LARGE")
        .await;
    alice
        .state(&room, "m.room.topic", "")
        .fails(404, "M_NOT_FOUND")
        .await;
    // Types and keys have a limit of their own.
    let long = "t".repeat(256);
    let call = alice.send_event(&room, &long, json!({}));
    refused_as(
        call,
        &[400, 413],
        &["M_TOO_LARGE", "M_INVALID_PARAM", "M_BAD_JSON"],
    )
    .await;
    let call = alice.set_state(&room, "org.example.x", &long, json!({}));
    refused_as(
        call,
        &[400, 413],
        &["M_TOO_LARGE", "M_INVALID_PARAM", "M_BAD_JSON"],
    )
    .await;
    assert_eq!(
        alice
            .all_messages(&room, "b", 100)
            .await
            .iter()
            .filter(|e| e["type"] == "m.room.message")
            .count(),
        1
    );
}

#[tokio::test]
async fn numbers_are_whole_and_small() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    for version in ["6", "11", "12"] {
        let room = alice
            .create_room(json!({"preset": "public_chat", "room_version": version}))
            .await;
        for bad in ["1.5", "1e400", "9007199254740992", "-9007199254740992"] {
            let body = format!("{{\"n\": {bad}}}");
            let at = v3(&[
                "rooms",
                &room,
                "send",
                "org.example.number",
                &format!("n{bad}"),
            ]);
            let call = alice
                .call(reqwest::Method::PUT, at)
                .raw("application/json", body);
            let reply = call.malformed().reply().await;
            let codes = ["M_BAD_JSON", "M_NOT_JSON"];
            let fits = reply.status == 400 && codes.contains(&reply.code().as_str());
            assert!(
                fits,
                "{version} {bad}: {}",
                String::from_utf8_lossy(&reply.bytes)
            );
        }
        alice
            .send(
                &room,
                "org.example.number",
                json!({"n": 9_007_199_254_740_991_i64}),
            )
            .await;
    }
}

async fn state_is_refused(who: &TestClient, room: &str, kind: &str, key: &str, content: Value) {
    let what = format!("{kind} {content}");
    let reply = who
        .set_state(room, kind, key, content)
        .malformed()
        .reply()
        .await;
    assert!(
        (400..500).contains(&reply.status),
        "{what}: {}",
        reply.json()
    );
}

#[tokio::test]
async fn state_that_breaks_a_room_is_refused() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    for version in ["9", "11", "12"] {
        let room = alice
            .create_room(json!({"preset": "public_chat", "room_version": version}))
            .await;
        bob.join(&room).await;
        let before = alice.state(&room, "m.room.power_levels", "").await;
        for content in [
            json!({"users": {"not a user": 100}}),
            json!({"users": []}),
            json!({"events": {"m.room.name": [1]}}),
            json!({"users_default": {}}),
        ] {
            if version == "9" && content["users_default"].is_object() {
                continue;
            }
            state_is_refused(&alice, &room, "m.room.power_levels", "", content).await;
        }
        assert_eq!(alice.state(&room, "m.room.power_levels", "").await, before);
        state_is_refused(&alice, &room, "m.room.create", "", json!({})).await;
        state_is_refused(
            &alice,
            &room,
            "m.room.member",
            "nobody",
            json!({"membership": "join"}),
        )
        .await;
        let own = alice.id();
        state_is_refused(
            &alice,
            &room,
            "m.room.member",
            own,
            json!({"membership": "dancing"}),
        )
        .await;
        state_is_refused(&alice, &room, "m.room.member", own, json!({})).await;
        // Nobody raises themselves above what they have.
        let mut power = before.clone();
        power["users"][bob.id()] = json!(100);
        bob.set_state(&room, "m.room.power_levels", "", power)
            .fails(403, "M_FORBIDDEN")
            .await;
        alice.say(&room, "unharmed").await;
    }
}

#[tokio::test]
async fn paging_limits_are_kept_in_bounds() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    alice.say_many(&room, 3).await;
    let at = v3(&["rooms", &room, "messages"]);
    for limit in ["0", "1000000", "18446744073709551615"] {
        let reply = alice
            .get(&at)
            .query("dir", "b")
            .query("limit", limit)
            .malformed()
            .reply()
            .await;
        assert!(
            reply.status == 200 || reply.status == 400,
            "{limit}: {}",
            reply.json()
        );
    }
    for limit in ["-1", "many", "1.5"] {
        let reply = alice
            .get(&at)
            .query("dir", "b")
            .query("limit", limit)
            .malformed()
            .reply()
            .await;
        assert_eq!(reply.status, 400, "{limit}: {}", reply.json());
    }
    let huge = alice
        .get(v3(&["sync"]))
        .query("timeout", "99999999999999999999")
        .malformed();
    assert_eq!(huge.reply().await.status, 400);
}

#[tokio::test]
async fn an_event_of_another_room_is_not_redacted() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let (hers, his) = (
        alice.create_public_room().await,
        bob.create_public_room().await,
    );
    let event = alice.say(&hers, "hers").await;
    let redact = |room: &str, event: &str| {
        let path = v3(&["rooms", room, "redact", event, "t1"]);
        bob.put(path, json!({}))
    };
    redact(&his, &event).fails(400, "M_INVALID_PARAM").await;
    let nowhere = "$q7ugZAJ0AASBaTMry82pG9jp6CNoaL0ckqEtHmDjsOo";
    redact(&his, nowhere).fails(404, "M_NOT_FOUND").await;
    let kept = alice.event(&hers, &event).await;
    assert_eq!(kept["content"]["body"], "hers");
}
