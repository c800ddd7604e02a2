//! Lazy loading of members.

use causeway_testkit::reader::{joined, state_events, timeline};
use causeway_testkit::{TestClient, TestServer};
use serde_json::{Value, json};

fn members(sync: &Value, room: &str) -> Vec<String> {
    let all = state_events(sync, room)
        .iter()
        .filter(|e| e["type"] == "m.room.member");
    let mut names: Vec<_> = all
        .filter_map(|e| e["state_key"].as_str())
        .map(str::to_owned)
        .collect();
    names.sort();
    names
}

fn lazy(limit: usize) -> Value {
    json!({"room": {"state": {"lazy_load_members": true}, "timeline": {"limit": limit}}})
}

async fn crowd(server: &TestServer) -> (TestClient, Vec<TestClient>, String) {
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let mut others = Vec::new();
    for name in ["bob", "carol", "dave", "erin", "frank", "grace", "heidi"] {
        let other = server.user(name).await;
        other.join(&room).await;
        others.push(other);
    }
    (alice, others, room)
}

#[tokio::test]
async fn only_those_who_speak_are_loaded() {
    let server = TestServer::start().await;
    let (alice, others, room) = crowd(&server).await;
    others[0].say(&room, "one").await;
    others[0].say(&room, "two").await;
    let mut reader = alice.reader().with_filter(&lazy(2));
    let sync = reader.now().await;
    assert_eq!(timeline(&sync, &room).len(), 2);
    let shown = members(&sync, &room);
    let bob = others[0].id().to_owned();
    assert!(shown.contains(&bob), "{shown:?}");
    // The reader, the speaker, and at most the five heroes of the summary.
    assert!(shown.len() <= 7 && shown.len() < 8, "{shown:?}");
    assert_eq!(joined(&sync, &room)["summary"]["m.joined_member_count"], 8);

    others[6].say(&room, "my first").await;
    let sync = reader.now().await;
    assert!(
        members(&sync, &room).contains(&others[6].id().to_owned()),
        "{sync}"
    );
}

#[tokio::test]
async fn without_it_all_members_come() {
    let server = TestServer::start().await;
    let (alice, others, room) = crowd(&server).await;
    others[0].say(&room, "x").await;
    let filter = json!({"room": {"timeline": {"limit": 1}}});
    let sync = alice.reader().with_filter(&filter).now().await;
    assert_eq!(members(&sync, &room).len(), 8);
}

#[tokio::test]
async fn a_gap_brings_the_members_who_speak_after_it() {
    let server = TestServer::start().await;
    let (alice, others, room) = crowd(&server).await;
    let mut reader = alice.reader().with_filter(&lazy(2));
    reader.now().await;
    others[5].say_many(&room, 4).await;
    // Another device has seen nobody yet.
    let second = server.client().login("alice").await;
    let mut elsewhere = second.reader().with_filter(&lazy(2));
    elsewhere.set_token(reader.token().expect("a token"));
    let sync = elsewhere.now().await;
    assert_eq!(joined(&sync, &room)["timeline"]["limited"], true);
    let shown = members(&sync, &room);
    assert!(shown.contains(&others[5].id().to_owned()), "{shown:?}");
}
