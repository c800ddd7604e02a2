//! Knocking: asking to be let in.

use causeway_testkit::reader::{events, of_state, of_type};
use causeway_testkit::{TestClient, TestServer, v3};
use serde_json::json;

async fn knock_room(alice: &TestClient, version: &str) -> String {
    alice
        .create_room(json!({
            "preset": "private_chat", "room_version": version, "name": "Behind the door",
            "initial_state": [{"type": "m.room.join_rules", "state_key": "",
                "content": {"join_rule": "knock"}}],
        }))
        .await
}

#[tokio::test]
async fn who_knocks_can_be_let_in() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    for version in ["7", "11", "12"] {
        let room = knock_room(&alice, version).await;
        let mut reader = bob.caught_up().await;
        bob.join(&room).fails(403, "M_FORBIDDEN").await;
        let answer = bob
            .post(v3(&["knock", &room]), json!({"reason": "It rains"}))
            .await;
        assert_eq!(answer["room_id"], room);
        let sync = reader
            .until("the knock", |s| !s["rooms"]["knock"][&room].is_null())
            .await;
        let shown = events(&sync["rooms"]["knock"][&room]["knock_state"]);
        let own = of_state(shown, "m.room.member", bob.id()).expect("the own knock");
        assert_eq!(own["content"]["membership"], "knock");
        assert_eq!(own["content"]["reason"], "It rains");
        let name = of_type(shown, "m.room.name").expect("the room's name");
        assert_eq!(name["content"]["name"], "Behind the door");
        // It also stands in an initial sync.
        let whole = bob.reader().now().await;
        assert!(!whole["rooms"]["knock"][&room].is_null());
        bob.messages(&room, "b", None, 5)
            .fails(403, "M_FORBIDDEN")
            .await;

        alice.invite(&room, bob.id()).await;
        bob.join(&room).await;
        bob.say(&room, "Thank you").await;
    }
}

#[tokio::test]
async fn a_knock_can_be_taken_back_or_refused() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = knock_room(&alice, "11").await;
    let mut reader = bob.caught_up().await;
    bob.knock(&room).await;
    bob.leave(&room).await;
    reader
        .until("the retreat", |s| !s["rooms"]["leave"][&room].is_null())
        .await;
    bob.knock(&room).await;
    alice.kick(&room, bob.id()).await;
    reader
        .until("the refusal", |s| !s["rooms"]["leave"][&room].is_null())
        .await;
    bob.knock(&room).await;
    alice.ban(&room, bob.id()).await;
    bob.knock(&room).fails(403, "M_FORBIDDEN").await;
}

#[tokio::test]
async fn there_are_doors_without_a_knocker() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let private = alice.create_room(json!({"preset": "private_chat"})).await;
    bob.knock(&private).fails(403, "M_FORBIDDEN").await;
    let old = alice
        .create_room(json!({"preset": "private_chat", "room_version": "6"}))
        .await;
    bob.knock(&old).fails(403, "M_FORBIDDEN").await;
    let inside = alice.create_public_room().await;
    bob.join(&inside).await;
    bob.knock(&inside).fails(403, "M_FORBIDDEN").await;
}
