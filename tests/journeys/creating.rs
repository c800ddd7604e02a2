//! Creating rooms: every version, every preset, every option.

use causeway_testkit::{ROOM_VERSIONS, TestClient, TestServer, v3};
use serde_json::json;

#[tokio::test]
async fn rooms_of_every_version_work() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    for version in ROOM_VERSIONS {
        let number: u32 = version.parse().expect("a number");
        let room = alice
            .create_room(json!({
                "preset": "public_chat", "room_version": version, "name": format!("v{version}"),
            }))
            .await;
        assert_eq!(
            room.contains(':'),
            number < 12,
            "{room} in version {version}"
        );
        let create = alice.state(&room, "m.room.create", "").await;
        assert_eq!(create["room_version"].as_str().unwrap_or("1"), version);
        assert_eq!(create.get("creator").is_some(), number < 11, "{version}");
        bob.join(&room).await;
        let event = bob.say(&room, "Hello").await;
        assert_eq!(event.contains(':'), number < 3, "{event} in {version}");
        let topic = bob.set_state(&room, "m.room.topic", "", json!({"topic": "no"}));
        topic.fails(403, "M_FORBIDDEN").await;
        alice
            .set_state(&room, "m.room.topic", "", json!({"topic": "yes"}))
            .await;
        let redaction = bob.redact(&room, &event).await;
        let redacted = alice.event(&room, &event).await;
        assert_eq!(redacted["content"], json!({}), "{version}");
        assert_eq!(
            redacted["unsigned"]["redacted_because"]["event_id"],
            redaction
        );
        // Clients find what was redacted in both places, in every version.
        let because = alice.event(&room, &redaction).await;
        assert_eq!(because["redacts"], event, "{version}");
        if number >= 11 {
            assert_eq!(because["content"]["redacts"], event, "{version}");
        }
        bob.leave(&room).await;
        let content = json!({"msgtype": "m.text", "body": "x"});
        bob.send_event(&room, "m.room.message", content)
            .fails(403, "M_FORBIDDEN")
            .await;
    }
}

#[tokio::test]
async fn unknown_versions_are_refused() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let body = json!({"room_version": "org.example.nothing"});
    alice
        .post(v3(&["createRoom"]), body)
        .fails(400, "M_UNSUPPORTED_ROOM_VERSION")
        .await;
}

#[tokio::test]
async fn presets_set_what_they_promise() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    for version in ["10", "11", "12"] {
        for (preset, join_rule, guests) in [
            ("private_chat", "invite", "can_join"),
            ("trusted_private_chat", "invite", "can_join"),
            ("public_chat", "public", "forbidden"),
        ] {
            let body = json!({"preset": preset, "room_version": version, "invite": [bob.id()]});
            let room = alice.create_room(body).await;
            let rules = alice.state(&room, "m.room.join_rules", "").await;
            assert_eq!(rules["join_rule"], join_rule, "{preset}");
            // Without the event nobody of them may join: the default is `forbidden`.
            let access = alice.state(&room, "m.room.guest_access", "").reply().await;
            let access = access.json()["guest_access"]
                .as_str()
                .unwrap_or("forbidden")
                .to_owned();
            assert_eq!(access, guests, "{preset}");
            let visibility = alice.state(&room, "m.room.history_visibility", "").await;
            assert_eq!(visibility["history_visibility"], "shared", "{preset}");
            let power = alice.state(&room, "m.room.power_levels", "").await;
            let create = alice.state(&room, "m.room.create", "").await;
            let trusted = preset == "trusted_private_chat";
            if version == "12" {
                assert!(power["users"].get(alice.id()).is_none(), "{power}");
                let more = json!([bob.id()]);
                assert_eq!(create["additional_creators"] == more, trusted, "{create}");
            } else {
                assert_eq!(power["users"][alice.id()], 100);
                assert_eq!(power["users"][bob.id()] == 100, trusted, "{power}");
            }
        }
    }
}

#[tokio::test]
async fn the_visibility_chooses_the_preset() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    for (visibility, rule) in [("public", "public"), ("private", "invite")] {
        let room = alice.create_room(json!({"visibility": visibility})).await;
        let join = alice.state(&room, "m.room.join_rules", "").await;
        assert_eq!(join["join_rule"], rule);
        let list = alice.get(v3(&["directory", "list", "room", &room])).await;
        assert_eq!(list["visibility"], visibility);
    }
}

#[tokio::test]
async fn all_options_at_once() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice
        .create_room(json!({
            "room_version": "11",
            "room_alias_name": "garden",
            "name": "Garden",
            "topic": "Flowers",
            "preset": "private_chat",
            "invite": [bob.id()],
            "creation_content": {"m.federate": false, "type": "m.space"},
            "power_level_content_override": {"events_default": 10, "users_default": 5},
            "initial_state": [
                {"type": "m.room.history_visibility", "state_key": "",
                 "content": {"history_visibility": "joined"}},
                {"type": "org.example.plant", "state_key": "rose", "content": {"colour": "red"}},
            ],
        }))
        .await;
    let state = |kind: &'static str, key: &'static str| {
        let call = alice.state(&room, kind, key);
        async move { call.await }
    };
    let create = state("m.room.create", "").await;
    assert_eq!(
        (&create["m.federate"], &create["type"]),
        (&json!(false), &json!("m.space"))
    );
    assert_eq!(create["room_version"], "11");
    assert_eq!(state("m.room.name", "").await["name"], "Garden");
    assert_eq!(state("m.room.topic", "").await["topic"], "Flowers");
    let visibility = state("m.room.history_visibility", "").await;
    assert_eq!(visibility["history_visibility"], "joined");
    assert_eq!(state("org.example.plant", "rose").await["colour"], "red");
    let power = state("m.room.power_levels", "").await;
    assert_eq!(
        (&power["events_default"], &power["users_default"]),
        (&json!(10), &json!(5))
    );
    let alias = format!("#garden:{}", server.name());
    assert_eq!(state("m.room.canonical_alias", "").await["alias"], alias);
    assert_eq!(
        alice.get(v3(&["directory", "room", &alias])).await["room_id"],
        room
    );
    assert_eq!(
        alice.membership(&room, bob.id()).await["membership"],
        "invite"
    );

    let twice = json!({"room_alias_name": "garden"});
    alice
        .post(v3(&["createRoom"]), twice)
        .fails(400, "M_ROOM_IN_USE")
        .await;
}

#[tokio::test]
async fn a_room_is_made_whole_or_not_at_all() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let before = alice.get(v3(&["joined_rooms"])).await;
    for body in [
        json!({"power_level_content_override": {"users_default": "lots and lots"}}),
        json!({"initial_state": [{"type": "m.room.power_levels", "state_key": "",
            "content": {"users": {"@nobody:nowhere": "high"}}}]}),
        json!({"initial_state": [{"type": "org.example.big", "state_key": "",
            "content": {"x": "y".repeat(70_000)}}]}),
    ] {
        let reply = alice.post(v3(&["createRoom"]), body).reply().await;
        assert!((400..500).contains(&reply.status), "{}", reply.json());
    }
    assert_eq!(alice.get(v3(&["joined_rooms"])).await, before);
}

#[tokio::test]
async fn older_clients_redact_without_a_transaction() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    for base in ["/_matrix/client/v3", "/_matrix/client/r0"] {
        let event = alice.say(&room, "Hello").await;
        let redact = |who: &TestClient, event: &str| {
            let path = causeway_testkit::path(base, &["rooms", &room, "redact", event]);
            who.post(path, json!({"reason": "a mistake"})).unspecified()
        };
        redact(&bob, &event).fails(403, "M_FORBIDDEN").await;
        redact(&alice, "$nothing").fails(404, "M_NOT_FOUND").await;
        let redaction = redact(&alice, &event).await["event_id"].clone();
        let redacted = alice.event(&room, &event).await;
        assert_eq!(redacted["content"], json!({}));
        let because = &redacted["unsigned"]["redacted_because"];
        assert_eq!(because["event_id"], redaction);
        assert_eq!(because["content"]["reason"], "a mistake");
    }
}
