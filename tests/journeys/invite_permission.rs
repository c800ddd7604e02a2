//! Whose invites somebody takes: all, none, or by lists of users and servers (MSC4155).

use causeway_testkit::reader::events;
use causeway_testkit::{TestClient, TestServer, v3};
use serde_json::{Value, json};

pub(crate) const PERMISSION: &str = "m.invite_permission_config";
pub(crate) const FILTER: &str = "org.matrix.msc4155.invite_permission_config";
pub(crate) const FILTERED: &str = "ORG.MATRIX.MSC4155.M_INVITE_BLOCKED";

/// Sets global account data.
pub(crate) async fn choose(who: &TestClient, kind: &str, content: Value) {
    let path = v3(&["user", who.id(), "account_data", kind]);
    who.put(path, content).await;
}

/// All ways in which alice of this server may invite bob are refused with this code.
async fn is_refused(alice: &TestClient, bob: &TestClient, code: &str) {
    let room = alice.create_room(json!({"preset": "private_chat"})).await;
    alice.invite(&room, bob.id()).fails(403, code).await;
    let member = json!({"membership": "invite"});
    alice
        .set_state(&room, "m.room.member", bob.id(), member)
        .fails(403, code)
        .await;
    let body = json!({"preset": "private_chat", "invite": [bob.id()]});
    alice.post(v3(&["createRoom"]), body).fails(403, code).await;
    alice
        .membership(&room, bob.id())
        .fails(404, "M_NOT_FOUND")
        .await;
}

fn is_invited(sync: &Value, room: &str) -> bool {
    !sync["rooms"]["invite"][room].is_null()
}

#[tokio::test]
async fn who_takes_no_invites_gets_none() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    for feature in [
        "org.matrix.msc4380",
        "org.matrix.msc4380.stable",
        "org.matrix.msc4155",
    ] {
        let versions = bob.get("/_matrix/client/versions").await;
        assert_eq!(versions["unstable_features"][feature], true, "{feature}");
    }
    let before = alice.create_room(json!({"invite": [bob.id()]})).await;
    let mut reader = bob.reader();
    assert!(is_invited(&reader.now().await, &before));

    choose(&bob, PERMISSION, json!({"default_action": "block"})).await;
    is_refused(&alice, &bob, "M_INVITE_BLOCKED").await;
    let hidden = bob.reader().now().await;
    assert!(
        !is_invited(&hidden, &before),
        "invites from before are hidden"
    );
    let initial = bob.get(v3(&["initialSync"])).await;
    assert_eq!(initial["rooms"], json!([]));
    // State is not touched, and whoever knows the room may come in.
    assert_eq!(
        alice.membership(&before, bob.id()).await["membership"],
        "invite"
    );

    choose(&bob, PERMISSION, json!({})).await;
    assert!(is_invited(&bob.reader().now().await, &before));
    let room = alice.create_room(json!({"invite": [bob.id()]})).await;
    reader
        .until("the invite", |sync| is_invited(sync, &room))
        .await;
}

#[tokio::test]
async fn lists_say_who_may_invite() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    choose(&bob, FILTER, json!({"blocked_servers": ["*"]})).await;
    is_refused(&alice, &bob, FILTERED).await;
    let blocked = json!({"blocked_users": ["@a?ice:*"], "allowed_servers": ["*"]});
    choose(&bob, FILTER, blocked).await;
    is_refused(&alice, &bob, FILTERED).await;
    let mut reader = bob.caught_up().await;
    for lets in [
        json!({"enabled": false, "blocked_servers": ["*"]}),
        json!({"allowed_users": [alice.id()], "blocked_servers": ["*"]}),
        json!({"blocked_users": "everybody"}),
    ] {
        choose(&bob, FILTER, lets).await;
        let room = alice.create_room(json!({"invite": [bob.id()]})).await;
        reader
            .until("the invite", |sync| is_invited(sync, &room))
            .await;
    }
}

#[tokio::test]
async fn ignored_invites_stand_and_are_not_heard_of() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let carol = server.user("carol").await;
    let bob = server.user("bob").await;
    let mut reader = bob.caught_up().await;
    choose(&bob, FILTER, json!({"ignored_users": [alice.id()]})).await;
    let quiet = alice.create_room(json!({"invite": [bob.id()]})).await;
    let loud = carol.create_room(json!({"invite": [bob.id()]})).await;
    let sync = reader
        .until("carol's invite", |sync| is_invited(sync, &loud))
        .await;
    assert!(!is_invited(&sync, &quiet), "nor before it");
    assert!(!is_invited(&bob.reader().now().await, &quiet));
    assert_eq!(
        alice.membership(&quiet, bob.id()).await["membership"],
        "invite"
    );
    let told = bob.get(v3(&["notifications"])).await;
    let rooms: Vec<&Value> = events_of(&told).iter().map(|it| &it["room_id"]).collect();
    assert_eq!(rooms, [&json!(loud)], "no notification of the other");
    bob.join(&quiet).await;
    // Relaxed again, an invite that is pending is seen by who starts anew.
    let other = alice.create_room(json!({"invite": [bob.id()]})).await;
    choose(&bob, FILTER, json!({})).await;
    let anew = bob.reader().now().await;
    assert!(is_invited(&anew, &other));
    let shown = &anew["rooms"]["invite"][&other]["invite_state"];
    assert!(!events(shown).is_empty());
}

fn events_of(told: &Value) -> &[Value] {
    told["notifications"].as_array().map_or(&[], Vec::as_slice)
}
