//! Who sees which part of a room's history.

use causeway_testkit::reader::{bodies, ids, joined, of_state, timeline};
use causeway_testkit::{TestClient, TestServer, v3};
use serde_json::json;

async fn room_with(alice: &TestClient, visibility: &str) -> String {
    alice
        .create_room(json!({
            "preset": "public_chat",
            "initial_state": [{"type": "m.room.history_visibility", "state_key": "",
                "content": {"history_visibility": visibility}}],
        }))
        .await
}

#[tokio::test]
async fn each_setting_shows_what_it_says() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let stranger = server.user("stranger").await;
    for (visibility, expected) in [
        ("world_readable", vec!["early", "invited", "inside"]),
        ("shared", vec!["early", "invited", "inside"]),
        ("invited", vec!["invited", "inside"]),
        ("joined", vec!["inside"]),
    ] {
        let bob = server.user(&format!("bob_{visibility}")).await;
        let room = room_with(&alice, visibility).await;
        let early = alice.say(&room, "early").await;
        alice.invite(&room, bob.id()).await;
        alice.say(&room, "invited").await;
        bob.join(&room).await;
        alice.say(&room, "inside").await;
        let history = bob.all_messages(&room, "f", 5).await;
        assert_eq!(bodies(&history), expected, "{visibility}");
        let reply = bob.event(&room, &early).reply().await;
        let sees = expected.contains(&"early");
        assert_eq!(reply.status, if sees { 200 } else { 404 }, "{visibility}");

        bob.leave(&room).await;
        alice.say(&room, "after").await;
        let history = bodies(&bob.all_messages(&room, "f", 5).await);
        let open = visibility == "world_readable";
        assert_eq!(
            history.contains(&"after".to_owned()),
            open,
            "{visibility}: {history:?}"
        );

        let reply = stranger.messages(&room, "b", None, 5).reply().await;
        assert_eq!(reply.status, if open { 200 } else { 403 }, "{visibility}");
    }
}

#[tokio::test]
async fn a_change_counts_from_where_it_was_made() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = room_with(&alice, "joined").await;
    alice.say(&room, "hidden").await;
    let open = json!({"history_visibility": "shared"});
    alice
        .set_state(&room, "m.room.history_visibility", "", open)
        .await;
    alice.say(&room, "open").await;
    bob.join(&room).await;
    assert_eq!(bodies(&bob.all_messages(&room, "b", 3).await), ["open"]);
}

#[tokio::test]
async fn guests_read_what_is_open_to_the_world() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let register = server
        .client()
        .post(v3(&["register"]), json!({}))
        .query("kind", "guest");
    let guest = server.client().with_session(&register.await);
    assert_eq!(
        guest.get(v3(&["account", "whoami"])).await["is_guest"],
        true
    );
    let open = room_with(&alice, "world_readable").await;
    alice.say(&open, "for everybody").await;
    let page = guest.messages(&open, "b", None, 5).await;
    let said = bodies(page["chunk"].as_array().expect("a page"));
    assert_eq!(said, ["for everybody"]);
    let closed = room_with(&alice, "shared").await;
    guest
        .messages(&closed, "b", None, 5)
        .fails(403, "M_FORBIDDEN")
        .await;
    // Public rooms forbid guests by default; a room that lets them in can be joined.
    let reply = guest.join(&open).reply().await;
    assert_eq!(reply.status, 403, "{}", reply.json());
    let access = json!({"guest_access": "can_join"});
    alice
        .set_state(&open, "m.room.guest_access", "", access)
        .await;
    guest.join(&open).await;
    guest.say(&open, "a guest's word").await;
    guest
        .post(v3(&["createRoom"]), json!({}))
        .fails(403, "M_GUEST_ACCESS_FORBIDDEN")
        .await;
}

#[tokio::test]
async fn a_timeline_goes_on_behind_what_is_hidden() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let carol = server.user("carol").await;
    let room = room_with(&alice, "joined").await;
    alice.invite(&room, carol.id()).await;
    bob.join(&room).await;
    let seen = alice.say(&room, "seen").await;
    let mut bobs = bob.caught_up().await;
    bob.leave(&room).await;
    carol.join(&room).await;
    alice.say_many(&room, 30).await;
    bob.join(&room).await;
    let sync = bobs
        .until("the room", |s| !joined(s, &room).is_null())
        .await;
    let shown = timeline(&sync, &room);
    // Carol's membership is state of the room as it is now, and so no secret.
    assert!(
        of_state(shown, "m.room.member", carol.id()).is_some(),
        "{shown:?}"
    );
    assert!(ids(shown).contains(&seen));
    assert!(!bodies(shown).iter().any(|body| body != "seen"));
    // An initial sync shows the same.
    let sync = bob.reader().now().await;
    assert!(ids(timeline(&sync, &room)).contains(&seen));
    // From where the timeline begins one goes on without a gap.
    let token = joined(&sync, &room)["timeline"]["prev_batch"]
        .as_str()
        .expect("a token");
    let before = bob.messages(&room, "b", Some(token), 100).await;
    let mut all = ids(before["chunk"].as_array().expect("a page"));
    all.reverse();
    all.extend(ids(timeline(&sync, &room)));
    let mut everything = ids(&bob.all_messages(&room, "b", 50).await);
    everything.reverse();
    let state: Vec<String> = all
        .iter()
        .filter(|id| !everything.contains(id))
        .cloned()
        .collect();
    all.retain(|id| everything.contains(id));
    assert_eq!(all, everything);
    assert!(
        state.len() <= 1,
        "only carol's membership is in one of them: {state:?}"
    );
}
