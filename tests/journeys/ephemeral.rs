//! Receipts, read markers, typing and presence.

use causeway_testkit::reader::{ephemeral, events, joined, of_type};
use causeway_testkit::{TestClient, TestServer, v3};
use serde_json::{Value, json};

async fn pair(server: &TestServer) -> (TestClient, TestClient, String) {
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    (alice, bob, room)
}

/// The receipt of this type that a user has on an event, as the room's ephemeral events show it.
fn receipt(sync: &Value, room: &str, event: &str, kind: &str, user: &str) -> Value {
    let shown = of_type(ephemeral(sync, room), "m.receipt");
    shown.map_or(Value::Null, |shown| {
        shown["content"][event][kind][user].clone()
    })
}

#[tokio::test]
async fn receipts_are_public_private_and_threaded() {
    let server = TestServer::start().await;
    let (alice, bob, room) = pair(&server).await;
    let event = alice.say(&room, "Read this").await;
    let mut alices = alice.caught_up().await;
    let mut bobs = bob.caught_up().await;
    let path = |kind: &str, event: &str| v3(&["rooms", &room, "receipt", kind, event]);

    bob.post(path("m.read", &event), json!({})).await;
    let seen = |s: &Value| receipt(s, &room, &event, "m.read", bob.id());
    let sync = alices.until("the receipt", |s| !seen(s).is_null()).await;
    assert!(
        seen(&sync)["ts"]
            .as_u64()
            .is_some_and(|ts| ts > 1_500_000_000_000),
        "{sync}"
    );
    assert!(seen(&sync).get("thread_id").is_none());

    let second = alice.say(&room, "And this").await;
    alices.until_event(&room, &second).await;
    bob.post(path("m.read.private", &second), json!({})).await;
    let own = |s: &Value| receipt(s, &room, &second, "m.read.private", bob.id());
    bobs.until("the own private receipt", |s| !own(s).is_null())
        .await;
    let third = alice.say(&room, "Nobody knows").await;
    let mut leaked = false;
    alices
        .until("the next message", |s| {
            leaked |= s.to_string().contains("m.read.private");
            causeway_testkit::reader::ids(causeway_testkit::reader::timeline(s, &room))
                .contains(&third)
        })
        .await;
    assert!(!leaked);

    let relates = json!({"rel_type": "m.thread", "event_id": event});
    let content = json!({"msgtype": "m.text", "body": "t", "m.relates_to": relates});
    let in_thread = alice.send(&room, "m.room.message", content).await;
    bob.post(path("m.read", &in_thread), json!({"thread_id": event}))
        .await;
    let seen = |s: &Value| receipt(s, &room, &in_thread, "m.read", bob.id());
    let sync = alices
        .until("the threaded receipt", |s| !seen(s).is_null())
        .await;
    assert_eq!(seen(&sync)["thread_id"], event);
    bob.post(path("m.read", &third), json!({"thread_id": "main"}))
        .await;

    let bad = bob.post(path("m.read", &third), json!({"thread_id": ""}));
    assert_eq!(bad.reply().await.status, 400);
    let bad = bob
        .post(path("org.example.seen", &third), json!({}))
        .malformed();
    assert_eq!(bad.reply().await.status, 400);
    let stranger = server.user("carol").await;
    stranger
        .post(path("m.read", &third), json!({}))
        .fails(403, "M_FORBIDDEN")
        .await;
}

#[tokio::test]
async fn receipts_stand_in_an_initial_sync() {
    let server = TestServer::start().await;
    let (alice, bob, room) = pair(&server).await;
    let event = alice.say(&room, "x").await;
    bob.post(
        v3(&["rooms", &room, "receipt", "m.read", &event]),
        json!({}),
    )
    .await;
    let sync = alice.reader().now().await;
    assert!(
        !receipt(&sync, &room, &event, "m.read", bob.id()).is_null(),
        "{sync}"
    );
}

#[tokio::test]
async fn read_markers_move_three_marks_at_once() {
    let server = TestServer::start().await;
    let (alice, bob, room) = pair(&server).await;
    let one = alice.say(&room, "one").await;
    let two = alice.say(&room, "two").await;
    let mut alices = alice.caught_up().await;
    let mut bobs = bob.caught_up().await;
    let body = json!({"m.fully_read": one, "m.read": two});
    bob.post(v3(&["rooms", &room, "read_markers"]), body).await;
    let mark =
        |s: &Value| of_type(events(&joined(s, &room)["account_data"]), "m.fully_read").cloned();
    let sync = bobs.until("the marker", |s| mark(s).is_some()).await;
    assert_eq!(mark(&sync).expect("the marker")["content"]["event_id"], one);
    let seen = |s: &Value| receipt(s, &room, &two, "m.read", bob.id());
    alices.until("the receipt", |s| !seen(s).is_null()).await;
    let kept = bob.get(v3(&[
        "user",
        bob.id(),
        "rooms",
        &room,
        "account_data",
        "m.fully_read",
    ]));
    assert_eq!(kept.await["event_id"], one);
}

#[tokio::test]
async fn typing_comes_and_goes() {
    let server = TestServer::start().await;
    let (alice, bob, room) = pair(&server).await;
    let mut alices = alice.caught_up().await;
    let path = v3(&["rooms", &room, "typing", bob.id()]);
    let typists = |s: &Value| {
        let shown = of_type(ephemeral(s, &room), "m.typing");
        shown.map_or(Value::Null, |shown| shown["content"]["user_ids"].clone())
    };
    bob.put(&path, json!({"typing": true, "timeout": 30_000}))
        .await;
    alices
        .until("bob typing", |s| typists(s) == json!([bob.id()]))
        .await;
    bob.put(&path, json!({"typing": false})).await;
    alices
        .until("bob's rest", |s| typists(s) == json!([]))
        .await;
    bob.put(&path, json!({"typing": true, "timeout": 400}))
        .await;
    alices
        .until("bob typing again", |s| typists(s) == json!([bob.id()]))
        .await;
    alices
        .until("the end of the timeout", |s| typists(s) == json!([]))
        .await;
    // A message ends it.
    bob.put(&path, json!({"typing": true, "timeout": 30_000}))
        .await;
    alices
        .until("bob typing", |s| typists(s) == json!([bob.id()]))
        .await;
    bob.put(
        v3(&["rooms", &room, "typing", alice.id()]),
        json!({"typing": true}),
    )
    .fails(403, "M_FORBIDDEN")
    .await;
    let stranger = server.user("carol").await;
    let path = v3(&["rooms", &room, "typing", stranger.id()]);
    stranger
        .put(path, json!({"typing": true}))
        .fails(403, "M_FORBIDDEN")
        .await;
}

#[tokio::test]
async fn presence_reaches_those_who_share_a_room() {
    let server = TestServer::start().await;
    let (alice, bob, _room) = pair(&server).await;
    let carol = server.user("carol").await;
    let mut alices = alice.caught_up().await;
    let mut carols = carol.caught_up().await;
    let path = v3(&["presence", bob.id(), "status"]);
    bob.put(
        &path,
        json!({"presence": "unavailable", "status_msg": "At lunch"}),
    )
    .await;
    let of_bob = |s: &Value| {
        let shown = events(&s["presence"])
            .iter()
            .find(|e| e["sender"] == bob.id());
        shown.map_or(Value::Null, |shown| shown["content"].clone())
    };
    let away = |s: &Value| of_bob(s)["status_msg"] == "At lunch";
    let sync = alices.until("bob's presence", away).await;
    assert_eq!(of_bob(&sync)["presence"], "unavailable");
    assert!(of_bob(&carols.round(200).await).is_null());
    let status = alice.get(&path).await;
    assert_eq!(
        (&status["presence"], &status["status_msg"]),
        (&json!("unavailable"), &json!("At lunch"))
    );
    carol.get(&path).fails(403, "M_FORBIDDEN").await;
    alice
        .put(&path, json!({"presence": "online"}))
        .fails(403, "M_FORBIDDEN")
        .await;
    let bad = bob
        .put(&path, json!({"presence": "dancing"}))
        .malformed()
        .reply()
        .await;
    assert_eq!(bad.status, 400);
}

#[tokio::test]
async fn whoever_comes_is_heard_of_even_if_not_there() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    let offline = |who: &TestClient| who.reader().with("set_presence", "offline");
    let (mut alices, mut bobs) = (offline(&alice), offline(&bob));
    alices.now().await;
    bobs.now().await;
    bob.join(&room).await;
    let presence_of = |sync: &Value, who: &str| {
        let events = events(&sync["presence"]).iter();
        let mut theirs = events.filter(|event| event["sender"] == who);
        theirs
            .next()
            .map(|event| event["content"]["presence"].clone())
    };
    let news = bobs
        .until("the room", |s| !joined(s, &room).is_null())
        .await;
    assert_eq!(presence_of(&news, alice.id()), Some(json!("offline")));
    let news = alices.until("bob", |s| !joined(s, &room).is_null()).await;
    assert_eq!(presence_of(&news, bob.id()), Some(json!("offline")));
    // Once is enough.
    alice.say(&room, "hello").await;
    let news = bobs.until("hello", |s| !joined(s, &room).is_null()).await;
    assert_eq!(presence_of(&news, alice.id()), None);
}
