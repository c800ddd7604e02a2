//! Events that are sent later (MSC4140).

use std::time::{Duration, Instant};

use causeway_testkit::reader::{ids, timeline};
use causeway_testkit::{Call, TestClient, TestServer, path, v3};
use serde_json::{Value, json};
use sqlx::PgPool;

const UNSTABLE: &str = "/_matrix/client/unstable/org.matrix.msc4140";

#[track_caller]
fn later(who: &TestClient, room: &str, txn: &str, body: Value) -> Call {
    let segments = ["rooms", room, "delayed_event", "m.room.message", txn];
    who.put(path(UNSTABLE, &segments), body).unspecified()
}

fn message(text: &str, delay_ms: u64) -> Value {
    json!({"delay_ms": delay_ms, "content": {"msgtype": "m.text", "body": text}})
}

async fn scheduled(who: &TestClient, room: &str, txn: &str, body: Value) -> String {
    let answer = later(who, room, txn, body).await;
    answer["delay_id"].as_str().expect("an id").to_owned()
}

#[track_caller]
fn act(who: &TestClient, id: &str, action: &str) -> Call {
    let segments = ["delayed_events", id, action];
    who.post(path(UNSTABLE, &segments), json!({})).unspecified()
}

#[track_caller]
fn look(who: &TestClient, id: &str) -> Call {
    who.get(path(UNSTABLE, &["delayed_events", id]))
        .unspecified()
}

async fn waiting(who: &TestClient) -> Vec<Value> {
    let answer = who.get(path(UNSTABLE, &["delayed_events"])).unspecified();
    let events = answer.await["delayed_events"].take();
    events.as_array().expect("a list").clone()
}

/// Waits until it was sent, or ended otherwise.
async fn ended(who: &TestClient, id: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let seen = look(who, id).await;
        if !seen["finalised_ts"].is_null() {
            return seen;
        }
        assert!(Instant::now() < deadline, "it still waits: {seen}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_event_is_sent_when_its_time_has_come() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    let mut reader = bob.caught_up().await;
    let id = scheduled(&alice, &room, "1", message("later", 700)).await;
    // The same transaction is the same event.
    assert_eq!(
        scheduled(&alice, &room, "1", message("later", 700)).await,
        id
    );
    let list = waiting(&alice).await;
    assert_eq!(list.len(), 1, "{list:?}");
    assert_eq!(list[0]["delay_id"], id);
    assert_eq!(list[0]["delay_ms"], 700);
    assert_eq!(list[0]["content"]["body"], "later");
    assert!(list[0].get("finalised_ts").is_none());
    reader.stays_quiet(&room, 300).await;
    let sync = reader.until("the event", |s| !timeline(s, &room).is_empty());
    let sync = sync.await;
    let seen = &timeline(&sync, &room)[0];
    assert_eq!(seen["content"]["body"], "later");
    let name = "org.matrix.msc4140.delay_id";
    assert!(seen["unsigned"].get(name).is_none(), "{seen}");
    let end = ended(&alice, &id).await;
    assert_eq!(end["event_id"], seen["event_id"]);
    let (begun, sent) = (&end["scheduled_at"], &end["finalised_ts"]);
    assert!(sent.as_u64() >= begun.as_u64().map(|at| at + 700), "{end}");
    let own = alice.event(&room, &ids(timeline(&sync, &room))[0]).await;
    assert_eq!(own["unsigned"][name], id, "{own}");
    assert_eq!(waiting(&alice).await, Vec::<Value>::new());
    // What was sent cannot be cancelled; sending it again does nothing.
    act(&alice, &id, "cancel").fails(409, "M_UNKNOWN").await;
    act(&alice, &id, "restart").fails(409, "M_UNKNOWN").await;
    act(&alice, &id, "send").await;
    look(&bob, &id).fails(404, "M_NOT_FOUND").await;
    act(&bob, &id, "cancel").fails(404, "M_NOT_FOUND").await;
}

#[tokio::test]
async fn an_event_is_cancelled_restarted_or_sent_at_once() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let hour = 3_600_000;
    let cancelled = scheduled(&alice, &room, "1", message("never", hour)).await;
    act(&alice, &cancelled, "cancel").await;
    act(&alice, &cancelled, "cancel").await;
    act(&alice, &cancelled, "send")
        .fails(409, "M_UNKNOWN")
        .await;
    let end = look(&alice, &cancelled).await;
    assert!(end.get("event_id").is_none() && end.get("error").is_none());
    assert!(end["finalised_ts"].is_u64());

    let now = scheduled(&alice, &room, "2", message("now", hour)).await;
    act(&alice, &now, "send").await;
    let end = look(&alice, &now).await;
    let event = alice.event(&room, end["event_id"].as_str().expect("an id"));
    assert_eq!(event.await["content"]["body"], "now");

    let kept = scheduled(&alice, &room, "3", message("kept", hour)).await;
    let before = look(&alice, &kept).await["scheduled_at"].as_u64();
    tokio::time::sleep(Duration::from_millis(20)).await;
    act(&alice, &kept, "restart").await;
    assert!(look(&alice, &kept).await["scheduled_at"].as_u64() > before);
    act(&alice, &kept, "explode")
        .fails(400, "M_INVALID_PARAM")
        .await;
}

#[tokio::test]
async fn state_is_set_later_and_what_is_forbidden_then_is_told() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    let body = json!({"delay_ms": 1, "state_key": "", "content": {"name": "Later"}});
    let segments = ["rooms", &room, "delayed_event", "m.room.name", "1"];
    let at = path(UNSTABLE, &segments);
    let answer = alice.put(&at, body.clone()).unspecified().await;
    let id = answer["delay_id"].as_str().expect("an id").to_owned();
    let end = ended(&alice, &id).await;
    assert_eq!(end["state_key"], "");
    let own = alice.event(&room, end["event_id"].as_str().expect("an id"));
    let own = own.await;
    assert_eq!(own["content"]["name"], "Later");
    assert_eq!(own["unsigned"]["org.matrix.msc4140.delay_id"], id, "{own}");
    let answer = bob.put(&at, body).unspecified().await;
    let id = answer["delay_id"].as_str().expect("an id").to_owned();
    let end = ended(&bob, &id).await;
    assert_eq!(end["error"]["errcode"], "M_FORBIDDEN", "{end}");
    assert!(end.get("event_id").is_none());
    // One that cannot be sent now waits on.
    let body = json!({"delay_ms": 60_000, "state_key": "", "content": {"name": "Mine"}});
    let segments = ["rooms", &room, "delayed_event", "m.room.name", "2"];
    let answer = bob.put(path(UNSTABLE, &segments), body).unspecified().await;
    let id = answer["delay_id"].as_str().expect("an id").to_owned();
    act(&bob, &id, "send").fails(403, "M_FORBIDDEN").await;
    assert_eq!(waiting(&bob).await.len(), 1);
}

#[tokio::test]
async fn what_waits_outlives_the_server() {
    let mut server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let missed = scheduled(&alice, &room, "1", message("missed", 500)).await;
    let future = scheduled(&alice, &room, "2", message("future", 4_000)).await;
    server.kill().await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    server.restart().await;
    let end = ended(&alice, &missed).await;
    assert!(end["event_id"].is_string(), "{end}");
    let end = ended(&alice, &future).await;
    assert!(end["event_id"].is_string(), "{end}");
}

#[tokio::test]
async fn what_was_begun_to_be_sent_is_sent() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let begun = scheduled(&alice, &room, "1", message("begun", 3_600_000)).await;
    // As a process leaves it that died after the user had asked to send it at once.
    let pool = PgPool::connect(&server.database().url()).await.unwrap();
    sqlx::query("UPDATE delayed_events SET claimed_at = 1 WHERE delay_id = $1")
        .bind(&begun)
        .execute(&pool)
        .await
        .unwrap();
    // It is looked for when something else is due.
    let other = scheduled(&alice, &room, "2", message("other", 50)).await;
    assert!(ended(&alice, &other).await["event_id"].is_string());
    let end = ended(&alice, &begun).await;
    assert!(end["event_id"].is_string(), "{end}");
}

#[tokio::test]
async fn delays_are_bounded() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let capabilities = alice.get(v3(&["capabilities"])).await;
    let limits = &capabilities["capabilities"]["org.matrix.msc4140.delayed_events"];
    let longest = limits["max_delay_ms"].as_u64().expect("a limit");
    let most = limits["max_scheduled"].as_u64().expect("a limit");
    let call = later(&alice, &room, "long", message("x", longest + 1));
    let refused = call.fails(403, "M_FORBIDDEN").await;
    assert_eq!(
        refused["org.matrix.msc4140.errcode"],
        "M_MAX_DELAY_EXCEEDED"
    );
    let bad = [
        (json!({"delay_ms": 0, "content": {}}), "M_INVALID_PARAM"),
        (json!({"delay_ms": 5, "content": []}), "M_BAD_JSON"),
        (json!({"delay_ms": -1, "content": {}}), "M_BAD_JSON"),
        (json!({"content": {}}), "M_BAD_JSON"),
    ];
    for (body, code) in bad {
        later(&alice, &room, "bad", body).fails(400, code).await;
    }
    for number in 0..most {
        let txn = format!("n{number}");
        scheduled(&alice, &room, &txn, message("x", longest)).await;
    }
    let call = later(&alice, &room, "more", message("x", longest));
    let reply = call.reply().await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (429, "M_LIMIT_EXCEEDED")
    );
    let seconds: u64 = reply.header("retry-after").parse().expect("a number");
    assert!(seconds > 60, "{seconds}");
    let versions = alice.get("/_matrix/client/versions").await;
    assert_eq!(versions["unstable_features"]["org.matrix.msc4140"], true);
}

#[tokio::test]
async fn clients_of_the_earlier_form_are_served() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let send = v3(&["rooms", &room, "send", "m.room.message", "1"]);
    let state = v3(&["rooms", &room, "state", "m.room.name", ""]);
    let texts = json!({"msgtype": "m.text", "body": "x"});
    let mut delayed = Vec::new();
    for (at, content) in [(send, texts), (state, json!({"name": "Later"}))] {
        let call = alice.put(at, content);
        let call = call.query("org.matrix.msc4140.delay", 60_000).unspecified();
        let answer = call.await;
        delayed.push(answer["delay_id"].as_str().expect("an id").to_owned());
    }
    for (id, action) in delayed.iter().zip(["send", "cancel"]) {
        let at = path(UNSTABLE, &["delayed_events", id]);
        alice
            .post(at, json!({"action": action}))
            .unspecified()
            .await;
        let end = look(&alice, id).await;
        assert_eq!(end["event_id"].is_string(), action == "send", "{end}");
    }
}
