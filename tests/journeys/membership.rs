//! Moves between invite, join, leave and ban, and who may make them.

use causeway_testkit::reader::{of_state, timeline};
use causeway_testkit::{TestClient, TestServer, v3};
use serde_json::json;

#[tokio::test]
async fn a_private_room_is_entered_by_invite_only() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let carol = server.user("carol").await;
    let room = alice.create_room(json!({"preset": "private_chat"})).await;

    bob.join(&room).fails(403, "M_FORBIDDEN").await;
    bob.invite(&room, carol.id())
        .fails(403, "M_FORBIDDEN")
        .await;
    alice.invite(&room, bob.id()).await;
    bob.join(&room).await;
    // A second join changes nothing.
    assert_eq!(bob.join(&room).await["room_id"], room);
    alice
        .invite(&room, bob.id())
        .fails(403, "M_FORBIDDEN")
        .await;

    // Rejecting is leaving.
    alice.invite(&room, carol.id()).await;
    carol.leave(&room).await;
    assert_eq!(
        alice.membership(&room, carol.id()).await["membership"],
        "leave"
    );
    carol.join(&room).fails(403, "M_FORBIDDEN").await;

    let rooms = bob.get(v3(&["joined_rooms"])).await;
    assert_eq!(rooms["joined_rooms"], json!([room]));
    let members = alice.get(v3(&["rooms", &room, "joined_members"])).await;
    let mut names: Vec<_> = members["joined"]
        .as_object()
        .expect("a map")
        .keys()
        .collect();
    names.sort();
    assert_eq!(names, [alice.id(), bob.id()]);
}

#[tokio::test]
async fn kicks_and_bans() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let carol = server.user("carol").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    carol.join(&room).await;

    bob.kick(&room, carol.id()).fails(403, "M_FORBIDDEN").await;
    bob.ban(&room, carol.id()).fails(403, "M_FORBIDDEN").await;
    bob.ban(&room, alice.id()).fails(403, "M_FORBIDDEN").await;

    alice.kick(&room, carol.id()).await;
    let kicked = alice.membership(&room, carol.id()).await;
    assert_eq!(
        (&kicked["membership"], &kicked["reason"]),
        (&json!("leave"), &json!("because"))
    );
    carol.join(&room).await;

    alice.ban(&room, carol.id()).await;
    assert_eq!(
        alice.membership(&room, carol.id()).await["membership"],
        "ban"
    );
    carol.join(&room).fails(403, "M_FORBIDDEN").await;
    alice
        .invite(&room, carol.id())
        .fails(403, "M_FORBIDDEN")
        .await;
    alice.unban(&room, carol.id()).await;
    assert_eq!(
        alice.membership(&room, carol.id()).await["membership"],
        "leave"
    );
    carol.join(&room).await;

    // One can be banned without ever having been there.
    let dave = server.user_id("dave");
    alice.ban(&room, &dave).await;
    server
        .user("dave")
        .await
        .join(&room)
        .fails(403, "M_FORBIDDEN")
        .await;
}

#[tokio::test]
async fn reasons_travel_with_every_move() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_room(json!({"preset": "private_chat"})).await;
    let mut reader = alice.caught_up().await;
    let body = json!({"user_id": bob.id(), "reason": "one"});
    alice.post(v3(&["rooms", &room, "invite"]), body).await;
    bob.post(v3(&["rooms", &room, "join"]), json!({"reason": "two"}))
        .await;
    bob.post(v3(&["rooms", &room, "leave"]), json!({"reason": "three"}))
        .await;
    let mut reasons = Vec::new();
    reader
        .until("three moves", |sync| {
            let moves = timeline(sync, &room)
                .iter()
                .filter(|e| e["state_key"] == bob.id());
            reasons.extend(moves.map(|e| e["content"]["reason"].clone()));
            reasons.len() >= 3
        })
        .await;
    assert_eq!(reasons, ["one", "two", "three"]);
}

#[tokio::test]
async fn who_has_left_may_forget() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    bob.forget(&room).fails(400, "M_UNKNOWN").await;
    let known = bob.say(&room, "I was here").await;
    bob.leave(&room).await;
    // The past stays readable until it is forgotten.
    bob.event(&room, &known).await;
    assert_ne!(bob.messages(&room, "b", None, 5).await["chunk"], json!([]));
    bob.forget(&room).await;
    bob.messages(&room, "b", None, 5)
        .fails(403, "M_FORBIDDEN")
        .await;
    let filter = json!({"room": {"include_leave": true}});
    let sync = bob.reader().with_filter(&filter).now().await;
    assert!(sync["rooms"]["leave"][&room].is_null());
    // Coming back makes it known again.
    bob.join(&room).await;
    bob.messages(&room, "b", None, 5).await;
}

#[tokio::test]
async fn an_own_member_event_carries_the_profile() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let mut reader = alice.caught_up().await;
    let name = json!({"displayname": "Alice A."});
    alice
        .put(v3(&["profile", alice.id(), "displayname"]), name)
        .await;
    let own = |sync: &serde_json::Value| {
        of_state(timeline(sync, &room), "m.room.member", alice.id()).cloned()
    };
    let sync = reader.until("the new name", |s| own(s).is_some()).await;
    let event = own(&sync).expect("the event");
    assert_eq!(event["content"]["displayname"], "Alice A.");
    assert_eq!(event["unsigned"]["prev_content"]["membership"], "join");

    // In one room only.
    let content = json!({"membership": "join", "displayname": "A. in here"});
    alice
        .set_state(&room, "m.room.member", alice.id(), content)
        .await;
    let member = alice.membership(&room, alice.id()).await;
    assert_eq!(member["displayname"], "A. in here");
    let other = server.user("other").await;
    let content = json!({"membership": "join"});
    alice
        .set_state(&room, "m.room.member", other.id(), content)
        .fails(403, "M_FORBIDDEN")
        .await;
}

#[tokio::test]
async fn restricted_rooms_open_to_members_of_another() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    for (version, rule) in [
        ("8", "restricted"),
        ("11", "restricted"),
        ("12", "knock_restricted"),
    ] {
        let club = alice.create_room(json!({"preset": "private_chat"})).await;
        let room = alice
            .create_room(json!({
                "preset": "private_chat", "room_version": version,
                "initial_state": [{"type": "m.room.join_rules", "state_key": "", "content": {
                    "join_rule": rule, "allow": [{"type": "m.room_membership", "room_id": club}],
                }}],
            }))
            .await;
        bob.join(&room).fails(403, "M_FORBIDDEN").await;
        alice.invite(&club, bob.id()).await;
        bob.join(&room).fails(403, "M_FORBIDDEN").await;
        bob.join(&club).await;
        bob.join(&room).await;
        let member = bob.membership(&room, bob.id()).await;
        assert_eq!(
            member["join_authorised_via_users_server"],
            alice.id(),
            "{version}"
        );
        // A later member event of one's own does not need it again.
        let content = json!({"membership": "join", "displayname": "Bobby"});
        bob.set_state(&room, "m.room.member", bob.id(), content)
            .await;
        // Who is invited needs nobody's leave to join.
        let carol = server.user(&format!("carol{version}")).await;
        alice.invite(&room, carol.id()).await;
        carol.join(&room).await;
        let member = carol.membership(&room, carol.id()).await;
        assert!(
            member.get("join_authorised_via_users_server").is_none(),
            "{member}"
        );
    }
}

async fn members(who: &TestClient, room: &str, query: &[(&str, &str)]) -> Vec<String> {
    let mut call = who.get(v3(&["rooms", room, "members"]));
    for (name, value) in query {
        call = call.query(name, value);
    }
    let answer = call.await;
    let chunk = answer["chunk"].as_array().cloned().expect("a list");
    let name = |event: &serde_json::Value| event["state_key"].as_str().expect("a user").to_owned();
    let mut names: Vec<_> = chunk.iter().map(name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn lists_of_members_can_be_narrowed() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let carol = server.user("carol").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    let reader = bob.caught_up().await;
    let before = reader.token().expect("a token");
    carol.join(&room).await;
    bob.leave(&room).await;
    assert_eq!(
        members(&alice, &room, &[]).await,
        [alice.id(), bob.id(), carol.id()]
    );
    let joined = members(&alice, &room, &[("membership", "join")]).await;
    assert_eq!(joined, [alice.id(), carol.id()]);
    assert_eq!(
        members(&alice, &room, &[("not_membership", "join")]).await,
        [bob.id()]
    );
    assert_eq!(
        members(&alice, &room, &[("at", before)]).await,
        [alice.id(), bob.id()]
    );
    let stranger = server.user("dave").await;
    stranger
        .get(v3(&["rooms", &room, "members"]))
        .fails(403, "M_FORBIDDEN")
        .await;
}

#[tokio::test]
async fn a_join_carries_what_the_client_says_of_itself() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let carol = server.user("carol").await;
    let room = alice.create_public_room().await;
    let body = json!({"reason": "tea", "org.example.seat": 3, "membership": "ban",
        "join_authorised_via_users_server": alice.id()});
    bob.post(v3(&["rooms", &room, "join"]), body.clone()).await;
    carol.post(v3(&["join", &room]), body).await;
    for (who, name) in [(&bob, "bob"), (&carol, "carol")] {
        let member = alice.membership(&room, who.id()).await;
        let expected = json!({"membership": "join", "displayname": name, "reason": "tea",
            "org.example.seat": 3});
        assert_eq!(member, expected);
    }
}
