//! Rooms of two servers: joining, knocking, inviting, leaving.

use std::time::Duration;

use causeway_testkit::reader::{events, of_state};
use causeway_testkit::{Authority, ServerOptions, TestClient, TestServer, v3};
use serde_json::{Value, json};

use crate::invite_permission::{FILTER, FILTERED, PERMISSION, choose};

/// Two servers under test that trust the same authority.
pub(super) async fn two() -> (TestServer, TestServer) {
    let authority = Authority::new();
    let start = || TestServer::start_with(ServerOptions::default().federating(&authority));
    (start().await, start().await)
}

/// Waits until somebody is what they should be in a room, as `who` sees it.
pub(super) async fn becomes(who: &TestClient, room: &str, user: &str, membership: &str) {
    for _ in 0..100 {
        let member = who.membership(room, user).reply().await;
        if member.json()["membership"] == membership {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{user} does not become {membership} in {room}");
}

fn via(room: &str, server: &TestServer) -> String {
    format!("{}?via={}", v3(&["join", room]), server.name())
}

#[tokio::test]
async fn a_room_of_another_server_is_joined_by_its_alias() {
    let (here, there) = two().await;
    let alice = here.user("alice").await;
    let bob = there.user("bob").await;
    let carol = there.user("carol").await;
    for version in ["1", "3", "6", "8", "10", "11", "12"] {
        let name = format!("room{version}");
        let body = json!({
            "preset": "public_chat", "room_alias_name": name, "room_version": version,
            "name": "Between us",
        });
        let room = alice.create_room(body).await;
        let alias = format!("#{name}:{}", here.name());
        let found = bob.get(v3(&["directory", "room", &alias])).await;
        assert_eq!(found["room_id"], room, "version {version}");
        let joined = bob.post(v3(&["join", &alias]), json!({})).await;
        assert_eq!(joined["room_id"], room);
        becomes(&alice, &room, bob.id(), "join").await;
        let state = bob.state(&room, "m.room.name", "").await;
        assert_eq!(state["name"], "Between us");
        assert_eq!(
            bob.membership(&room, alice.id()).await["membership"],
            "join"
        );
        let profile = alice.membership(&room, bob.id()).await;
        assert_eq!(
            profile["displayname"], "bob",
            "with the name that bob shows"
        );
        bob.say(&room, "Here I am").await;
        // The room is known now: the next one joins without asking anybody.
        carol.join(&room).await;
        assert_eq!(
            bob.membership(&room, carol.id()).await["membership"],
            "join"
        );
    }
}

#[tokio::test]
async fn who_may_not_join_does_not() {
    let (here, there) = two().await;
    let alice = here.user("alice").await;
    let bob = there.user("bob").await;
    let room = alice.create_room(json!({"preset": "private_chat"})).await;
    bob.post(via(&room, &here), json!({}))
        .fails(403, "M_FORBIDDEN")
        .await;
    let unknown = format!("!nothing:{}", here.name());
    bob.post(via(&unknown, &here), json!({}))
        .fails(404, "M_NOT_FOUND")
        .await;
    let nowhere = format!("#nothing:{}", here.name());
    bob.post(v3(&["join", &nowhere]), json!({}))
        .fails(404, "M_NOT_FOUND")
        .await;
    let gone = "#any:localhost:1";
    let reply = bob
        .post(v3(&["join", gone]), json!({}))
        .unspecified()
        .reply()
        .await;
    assert_eq!(reply.status, 502, "a server that is not there");
    let joined = bob.get(v3(&["joined_rooms"])).await;
    assert_eq!(joined["joined_rooms"], json!([]));
}

#[tokio::test]
async fn invites_cross_servers_and_can_be_taken_or_rejected() {
    let (here, there) = two().await;
    let alice = here.user("alice").await;
    let bob = there.user("bob").await;
    for version in ["10", "12"] {
        let body = json!({"preset": "private_chat", "name": "Hidden", "room_version": version});
        let room = alice.create_room(body.clone()).await;
        let mut reader = bob.caught_up().await;
        alice.invite(&room, bob.id()).await;
        let invited = |sync: &Value| !sync["rooms"]["invite"][&room].is_null();
        let sync = reader.until("the invite", invited).await;
        let shown = events(&sync["rooms"]["invite"][&room]["invite_state"]);
        let own = of_state(shown, "m.room.member", bob.id()).expect("the invite");
        assert_eq!(own["sender"], alice.id());
        let inviter = of_state(shown, "m.room.member", alice.id()).expect("the inviter");
        assert_eq!(inviter["content"]["displayname"], "alice");
        let name = of_state(shown, "m.room.name", "").expect("the name");
        assert_eq!(name["content"]["name"], "Hidden");
        // Who invited knows the room.
        bob.join(&room).await;
        becomes(&alice, &room, bob.id(), "join").await;

        let other = alice.create_room(body).await;
        alice.invite(&other, bob.id()).await;
        bob.leave(&other).await;
        becomes(&alice, &other, bob.id(), "leave").await;
        bob.post(via(&other, &here), json!({}))
            .fails(403, "M_FORBIDDEN")
            .await;
    }
    let nobody = format!("@nobody:{}", there.name());
    let room = alice.create_room(json!({"preset": "private_chat"})).await;
    alice.invite(&room, &nobody).fails(404, "M_NOT_FOUND").await;
}

#[tokio::test]
async fn a_direct_chat_begins_with_somebody_of_another_server() {
    let (here, there) = two().await;
    let alice = here.user("alice").await;
    let bob = there.user("bob").await;
    for version in ["11", "12"] {
        let mut reader = bob.caught_up().await;
        let body = json!({
            "preset": "trusted_private_chat", "is_direct": true, "invite": [bob.id()],
            "room_version": version,
        });
        let room = alice.create_room(body).await;
        let invited = |sync: &Value| !sync["rooms"]["invite"][&room].is_null();
        let sync = reader.until("the invite", invited).await;
        let shown = events(&sync["rooms"]["invite"][&room]["invite_state"]);
        let own = of_state(shown, "m.room.member", bob.id()).expect("the invite");
        assert_eq!(own["content"]["is_direct"], true);
        bob.join(&room).await;
        becomes(&alice, &room, bob.id(), "join").await;
        // Who is trusted may do what the creator may.
        bob.set_state(&room, "m.room.name", "", json!({"name": "Ours"}))
            .await;
    }
    let nobody = format!("@nobody:{}", there.name());
    let body = json!({"preset": "private_chat", "invite": [nobody]});
    alice
        .post(v3(&["createRoom"]), body)
        .fails(404, "M_NOT_FOUND")
        .await;
}

#[tokio::test]
async fn an_invite_is_rejected_even_if_nobody_answers() {
    let (mut here, there) = two().await;
    let alice = here.user("alice").await;
    let bob = there.user("bob").await;
    let room = alice.create_room(json!({"preset": "private_chat"})).await;
    alice.invite(&room, bob.id()).await;
    here.stop().await;
    bob.leave(&room).await;
    let sync = bob.reader().now().await;
    assert!(sync["rooms"]["invite"][&room].is_null());
}

#[tokio::test]
async fn who_takes_no_invites_gets_none_from_other_servers() {
    let (here, there) = two().await;
    let alice = here.user("alice").await;
    let bob = there.user("bob").await;
    let room = alice.create_room(json!({"preset": "private_chat"})).await;
    let server = json!({"blocked_servers": [here.name().split(':').next()]});
    for (kind, content, code) in [
        (
            PERMISSION,
            json!({"default_action": "block"}),
            "M_INVITE_BLOCKED",
        ),
        (FILTER, server, FILTERED),
    ] {
        choose(&bob, kind, content).await;
        alice.invite(&room, bob.id()).fails(403, code).await;
        let body = json!({"preset": "private_chat", "invite": [bob.id()]});
        alice.post(v3(&["createRoom"]), body).fails(403, code).await;
        choose(&bob, kind, json!({})).await;
    }
    choose(&bob, FILTER, json!({"ignored_servers": ["*"]})).await;
    alice.invite(&room, bob.id()).await;
    let sync = bob.reader().now().await;
    assert!(sync["rooms"]["invite"][&room].is_null(), "{sync}");
    becomes(&alice, &room, bob.id(), "invite").await;
    choose(&bob, FILTER, json!({})).await;
    let sync = bob.reader().now().await;
    assert!(sync["rooms"]["invite"][&room].is_object(), "{sync}");
}

#[tokio::test]
async fn one_may_knock_at_another_server() {
    let (here, there) = two().await;
    let alice = here.user("alice").await;
    let bob = there.user("bob").await;
    for version in ["7", "11", "12"] {
        let body = json!({
            "preset": "private_chat", "name": "Behind the door", "room_version": version,
            "initial_state": [{"type": "m.room.join_rules", "state_key": "",
                "content": {"join_rule": "knock"}}],
        });
        let room = alice.create_room(body).await;
        let mut reader = bob.caught_up().await;
        let path = format!("{}?via={}", v3(&["knock", &room]), here.name());
        bob.post(path, json!({"reason": "It rains"})).await;
        becomes(&alice, &room, bob.id(), "knock").await;
        let knocks = |sync: &Value| !sync["rooms"]["knock"][&room].is_null();
        let sync = reader.until("the knock", knocks).await;
        let shown = events(&sync["rooms"]["knock"][&room]["knock_state"]);
        let own = of_state(shown, "m.room.member", bob.id()).expect("the knock");
        assert_eq!(own["content"]["reason"], "It rains");
        let name = of_state(shown, "m.room.name", "").expect("the name");
        assert_eq!(name["content"]["name"], "Behind the door");
        bob.leave(&room).await;
        becomes(&alice, &room, bob.id(), "leave").await;
    }
}

#[tokio::test]
async fn what_people_show_and_publish_is_found_on_other_servers() {
    let (here, there) = two().await;
    let alice = here.user("alice").await;
    let bob = there.user("bob").await;
    let profile = bob.get(v3(&["profile", alice.id()])).await;
    assert_eq!(profile["displayname"], "alice");
    let name = bob.get(v3(&["profile", alice.id(), "displayname"])).await;
    assert_eq!(name, json!({"displayname": "alice"}));
    let nobody = format!("@nobody:{}", here.name());
    bob.get(v3(&["profile", &nobody]))
        .fails(404, "M_NOT_FOUND")
        .await;

    let body = json!({"name": "Garden", "visibility": "public", "preset": "public_chat"});
    alice.create_room(body).await;
    let rooms = bob
        .get(v3(&["publicRooms"]))
        .query("server", here.name())
        .await;
    assert_eq!(rooms["chunk"][0]["name"], "Garden");

    let signer = crate::signer::Signer::of_device(alice.device_id());
    let keys = signer.as_device(&alice);
    let one_time = signer.sign(alice.id(), &json!({"key": "b25lLXRpbWU"}));
    let one_time = json!({"signed_curve25519:AAAA": one_time});
    let body = json!({"device_keys": keys, "one_time_keys": one_time});
    alice.post(v3(&["keys", "upload"]), body).await;
    let gone = "@x:localhost:1";
    let wishes = json!({"device_keys": {alice.id(): [], bob.id(): [], gone: []}});
    let told = bob.post(v3(&["keys", "query"]), wishes).await;
    let device = &told["device_keys"][alice.id()][alice.device_id()];
    assert_eq!(device["keys"], keys["keys"]);
    assert!(told["failures"]["localhost:1"].is_object(), "{told}");
    let claim = json!({"one_time_keys": {alice.id(): {alice.device_id(): "signed_curve25519"}}});
    let taken = bob.post(v3(&["keys", "claim"]), claim).await;
    let key = &taken["one_time_keys"][alice.id()][alice.device_id()];
    assert_eq!(key["signed_curve25519:AAAA"]["key"], "b25lLXRpbWU");
}

#[tokio::test]
async fn rooms_that_are_open_to_members_of_others_let_them_in() {
    let (here, there) = two().await;
    let alice = here.user("alice").await;
    let bob = there.user("bob").await;
    let carol = there.user("carol").await;
    for version in ["8", "9", "10", "11", "12"] {
        let lobby = alice.create_public_room().await;
        let rule = json!({"join_rule": "restricted",
            "allow": [{"type": "m.room_membership", "room_id": lobby}]});
        let room = alice
            .create_room(json!({
                "preset": "private_chat", "room_version": version,
                "power_level_content_override": {"invite": 50}, "initial_state": [
                    {"type": "m.room.join_rules", "state_key": "", "content": rule}],
            }))
            .await;
        bob.post(via(&room, &here), json!({}))
            .fails(403, "M_FORBIDDEN")
            .await;
        bob.post(via(&lobby, &here), json!({})).await;
        bob.post(via(&room, &here), json!({})).await;
        becomes(&alice, &room, bob.id(), "join").await;
        let joined = bob.membership(&room, bob.id()).await;
        let authoriser = &joined["join_authorised_via_users_server"];
        assert_eq!(authoriser, alice.id(), "version {version}");
        // The room is here now, but nobody of this server may let others in.
        carol.join(&lobby).await;
        becomes(&alice, &lobby, carol.id(), "join").await;
        carol.join(&room).await;
        becomes(&alice, &room, carol.id(), "join").await;
        becomes(&bob, &room, carol.id(), "join").await;
        carol.say(&room, "in").await;
    }
}

#[tokio::test]
async fn a_guest_comes_into_a_room_of_others_by_invite_alone() {
    let (here, there) = two().await;
    let alice = here.user("alice").await;
    let register = there.client().post(v3(&["register"]), json!({}));
    let guest = there
        .client()
        .with_session(&register.query("kind", "guest").await);
    let body = json!({"preset": "private_chat", "initial_state": [{
        "type": "m.room.guest_access", "state_key": "", "content": {"guest_access": "can_join"},
    }]});
    let room = alice.create_room(body).await;
    let join = || {
        guest.post(
            format!("{}?via={}", v3(&["join", &room]), here.name()),
            json!({}),
        )
    };
    join().fails(403, "M_GUEST_ACCESS_FORBIDDEN").await;
    alice.invite(&room, guest.id()).await;
    join().await;
    becomes(&alice, &room, guest.id(), "join").await;
}
