//! Filters of `/sync`.

use causeway_testkit::reader::{bodies, events, ids, joined, state_events, timeline};
use causeway_testkit::{TestServer, v3};
use serde_json::json;

#[tokio::test]
async fn filters_are_kept_and_used_by_id() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    alice.say_many(&room, 5).await;
    let path = v3(&["user", alice.id(), "filter"]);
    let filter = json!({"room": {"timeline": {"limit": 2, "types": ["m.room.message"]}}});
    let made = alice.post(&path, filter.clone()).await;
    let id = made["filter_id"].as_str().expect("an id").to_owned();
    assert!(!id.starts_with('{'));
    let kept = alice.get(v3(&["user", alice.id(), "filter", &id])).await;
    assert_eq!(kept, filter);
    let sync = alice.reader().with("filter", &id).now().await;
    assert_eq!(bodies(timeline(&sync, &room)), ["message 3", "message 4"]);
    alice
        .get(v3(&["user", alice.id(), "filter", "999999"]))
        .fails(404, "M_NOT_FOUND")
        .await;
    bob.get(v3(&["user", alice.id(), "filter", &id]))
        .fails(403, "M_FORBIDDEN")
        .await;
    bob.post(&path, json!({})).fails(403, "M_FORBIDDEN").await;
    let call = alice
        .get(v3(&["sync"]))
        .query("timeout", 0)
        .query("filter", "999999");
    assert!((400..405).contains(&call.reply().await.status));
    let call = alice
        .get(v3(&["sync"]))
        .query("timeout", 0)
        .query("filter", "{\"room\": 5}");
    assert_eq!(call.reply().await.status, 400);
}

#[tokio::test]
async fn rooms_types_and_senders_are_chosen() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let one = alice.create_public_room().await;
    let two = alice.create_public_room().await;
    bob.join(&one).await;
    alice.say(&one, "from alice").await;
    bob.say(&one, "from bob").await;
    let sync = |filter: serde_json::Value| {
        let mut reader = alice.reader().with_filter(&filter);
        async move { reader.now().await }
    };
    let only_two = sync(json!({"room": {"rooms": [two]}})).await;
    assert!(joined(&only_two, &one).is_null() && !joined(&only_two, &two).is_null());
    let not_two = sync(json!({"room": {"not_rooms": [two]}})).await;
    assert!(!joined(&not_two, &one).is_null() && joined(&not_two, &two).is_null());
    let types = json!({"room": {"timeline": {"types": ["m.room.message"], "senders": [bob.id()]}}});
    assert_eq!(bodies(timeline(&sync(types).await, &one)), ["from bob"]);
    let types = json!({"room": {"timeline": {"not_types": ["m.room.*"]}}});
    assert!(timeline(&sync(types).await, &one).is_empty());
    let state = json!({"room": {"state": {"types": ["m.room.name"]}, "timeline": {"limit": 1}}});
    assert!(
        state_events(&sync(state).await, &one)
            .iter()
            .all(|e| e["type"] == "m.room.name")
    );
    let nothing = json!({"presence": {"types": []}, "account_data": {"types": []},
        "room": {"ephemeral": {"types": []}, "account_data": {"types": []}}});
    let quiet = sync(nothing).await;
    assert!(events(&quiet["account_data"]).is_empty() && events(&quiet["presence"]).is_empty());
}

#[tokio::test]
async fn a_filter_does_not_lose_what_it_does_not_hide() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let filter = json!({"room": {"timeline": {"limit": 3, "types": ["m.room.message"]}}});
    let mut reader = alice.reader().with_filter(&filter);
    reader.now().await;
    let mut sent = Vec::new();
    for number in 0..10 {
        alice
            .set_state(&room, "org.example.noise", "", json!({"n": number}))
            .await;
        if number % 5 == 0 {
            sent.push(alice.say(&room, "signal").await);
        }
    }
    let sync = reader.now().await;
    assert_eq!(ids(timeline(&sync, &room)), sent);
}

#[tokio::test]
async fn fields_and_format_are_chosen() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    alice.say(&room, "x").await;
    let filter = json!({"event_format": "federation", "room": {"timeline": {"limit": 1}}});
    let call = alice.reader().with_filter(&filter).call(0);
    // The schema describes the clients' format, which this is not.
    let sync = call.unspecified().await;
    let event = &timeline(&sync, &room)[0];
    assert!(
        event["auth_events"].is_array() && event["hashes"].is_object(),
        "{event}"
    );
}
