//! Upgrading a room: what is carried over, and what becomes of the old one.

use causeway_testkit::{TestClient, TestServer, v3};
use serde_json::json;

/// What the hall was made with stands in its successor.
async fn assert_same_room(alice: &TestClient, new: &str) {
    for (event_type, key, value) in [
        ("m.room.create", "type", json!("m.space")),
        ("m.room.create", "m.federate", json!(false)),
        ("m.room.name", "name", json!("Hall")),
        ("m.room.topic", "topic", json!("T")),
        ("m.room.avatar", "url", json!("mxc://a.b/c")),
        ("m.room.join_rules", "join_rule", json!("public")),
        ("m.room.power_levels", "events_default", json!(7)),
    ] {
        let content = alice.state(new, event_type, "").await;
        assert_eq!(content[key], value, "{event_type}: {content}");
    }
}

#[tokio::test]
async fn an_upgrade_carries_everything_over() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let carol = server.user("carol").await;
    for (from, to) in [("9", "11"), ("11", "12"), ("12", "12")] {
        let local = format!("hall{from}to{to}");
        let old = alice
            .create_room(json!({
                "preset": "public_chat", "room_version": from, "name": "Hall", "topic": "T",
                "room_alias_name": local, "visibility": "public",
                "creation_content": {"type": "m.space", "m.federate": false},
                "power_level_content_override": {"events_default": 7},
            }))
            .await;
        bob.join(&old).await;
        alice.ban(&old, carol.id()).await;
        let avatar = json!({"url": "mxc://a.b/c"});
        alice.set_state(&old, "m.room.avatar", "", avatar).await;
        let acl = json!({"allow": ["*"], "deny": ["bad.example"]});
        alice
            .set_state(&old, "m.room.server_acl", "", acl.clone())
            .await;
        let upgrade = v3(&["rooms", &old, "upgrade"]);
        bob.post(&upgrade, json!({"new_version": to}))
            .fails(403, "M_FORBIDDEN")
            .await;
        let answer = alice.post(&upgrade, json!({"new_version": to})).await;
        let new = answer["replacement_room"]
            .as_str()
            .expect("a room")
            .to_owned();

        assert_same_room(&alice, &new).await;
        let create = alice.state(&new, "m.room.create", "").await;
        assert_eq!(create["room_version"], to);
        assert_eq!(create["predecessor"]["room_id"], old);
        let tombstone = alice.state(&old, "m.room.tombstone", "").await;
        assert_eq!(tombstone["replacement_room"], new);
        assert_eq!(alice.state(&new, "m.room.server_acl", "").await, acl);
        assert_eq!(
            alice.membership(&new, carol.id()).await["membership"],
            "ban"
        );
        let alias = format!("#{local}:{}", server.name());
        assert_eq!(
            bob.get(v3(&["directory", "room", &alias])).await["room_id"],
            new
        );
        let list = alice.get(v3(&["directory", "list", "room", &new])).await;
        assert_eq!(list["visibility"], "public");
        bob.join(&new).await;
        // In the old room nobody below the moderators speaks any more.
        let content = json!({"msgtype": "m.text", "body": "x"});
        bob.send_event(&old, "m.room.message", content)
            .fails(403, "M_FORBIDDEN")
            .await;
    }
}

#[tokio::test]
async fn bad_upgrades_change_nothing() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_room(json!({"room_version": "11"})).await;
    let path = v3(&["rooms", &room, "upgrade"]);
    let unknown = json!({"new_version": "org.example.nothing"});
    alice
        .post(&path, unknown)
        .fails(400, "M_UNSUPPORTED_ROOM_VERSION")
        .await;
    alice
        .state(&room, "m.room.tombstone", "")
        .fails(404, "M_NOT_FOUND")
        .await;
    let nowhere = v3(&["rooms", "!nowhere:example.org", "upgrade"]);
    let reply = alice
        .post(nowhere, json!({"new_version": "11"}))
        .reply()
        .await;
    assert!(
        reply.status == 403 || reply.status == 404,
        "{}",
        reply.json()
    );
}
