//! Limits on how often somebody may do something.

use causeway_testkit::account::PASSWORD;
use causeway_testkit::{Call, ServerOptions, TestServer, v3};
use serde_json::json;

/// Makes a call that is refused because there were too many, and says when to try again.
async fn too_many(call: Call, what: &str) {
    let reply = call.reply().await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (429, "M_LIMIT_EXCEEDED"),
        "{what}: {}",
        reply.json()
    );
    let retry_ms = reply.json()["retry_after_ms"].as_u64().expect("a time");
    assert!(retry_ms > 0 && retry_ms <= 60_000, "{what}: {retry_ms}");
    let seconds: u64 = reply.header("retry-after").parse().expect("seconds");
    assert!(seconds * 1_000 >= retry_ms, "{what}");
}

/// A server where an action may be done twice, and then once a minute.
async fn twice(action: &str) -> TestServer {
    let options = ServerOptions::default()
        .set("limits.enabled", "true")
        .set(&format!("limits.{action}_burst"), "2")
        .set(&format!("limits.{action}_per_minute"), "1");
    TestServer::start_with(options).await
}

#[tokio::test]
async fn whoever_sends_too_much_waits_and_nobody_else() {
    let server = twice("send").await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    let event = alice.say(&room, "one").await;
    alice
        .set_state(&room, "org.example.two", "", json!({}))
        .await;
    let text = json!({"msgtype": "m.text", "body": "three"});
    too_many(alice.send_event(&room, "m.room.message", text), "a message").await;
    too_many(
        alice.set_state(&room, "org.example.three", "", json!({})),
        "state",
    )
    .await;
    let redact = v3(&["rooms", &room, "redact", &event, "t"]);
    too_many(alice.put(redact, json!({})), "a redaction").await;
    bob.say(&room, "not concerned").await;
    // Reading is not sending.
    alice.messages(&room, "b", None, 5).await;
}

#[tokio::test]
async fn logins_are_limited_for_the_address_and_for_the_account() {
    let server = twice("login").await;
    let alice = server.user("alice").await;
    alice
        .login_with("alice", "wrong", json!({}))
        .fails(403, "M_FORBIDDEN")
        .await;
    alice.login("alice").await;
    too_many(alice.login_with("alice", PASSWORD, json!({})), "a login").await;
    // Who is logged in stays so.
    alice.get(v3(&["account", "whoami"])).await;
}

#[tokio::test]
async fn accounts_are_limited_for_the_address() {
    let server = twice("registration").await;
    let register = |kind: &str| {
        let call = server.client().post(v3(&["register"]), json!({}));
        call.query("kind", kind)
    };
    register("guest").await;
    register("guest").await;
    too_many(register("guest"), "a guest").await;
    too_many(register("user"), "a user").await;
}

#[tokio::test]
async fn rooms_joins_and_invites_are_limited() {
    let server = twice("create_room").await;
    let alice = server.user("alice").await;
    alice.create_public_room().await;
    alice.create_public_room().await;
    too_many(alice.post(v3(&["createRoom"]), json!({})), "a room").await;

    let server = twice("join").await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    for number in 0..3 {
        let room = alice.create_public_room().await;
        match number {
            0 => drop(bob.join(&room).await),
            1 => drop(bob.post(v3(&["rooms", &room, "join"]), json!({})).await),
            _ => {
                too_many(bob.join(&room), "a join").await;
                too_many(bob.knock(&room), "a knock").await;
            }
        }
    }

    let server = twice("invite").await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    for number in 0..3 {
        let room = alice.create_room(json!({})).await;
        let invite = alice.invite(&room, bob.id());
        match number {
            0 | 1 => drop(invite.await),
            _ => too_many(invite, "an invite").await,
        }
    }
}

#[tokio::test]
async fn searches_are_limited() {
    let server = twice("search").await;
    let alice = server.user("alice").await;
    let search = || {
        let body = json!({"search_term": "bob"});
        alice.post(v3(&["user_directory", "search"]), body)
    };
    search().await;
    alice.post(v3(&["publicRooms"]), json!({})).await;
    too_many(search(), "a search for users").await;
    too_many(
        alice.post(v3(&["publicRooms"]), json!({})),
        "a search for rooms",
    )
    .await;
    // Nobody is logged in here: the address has its own count.
    let list = || alice.get(v3(&["publicRooms"])).anonymous();
    list().await;
    list().await;
    too_many(list(), "a list of rooms").await;
}
