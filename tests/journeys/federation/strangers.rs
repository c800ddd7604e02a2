//! Servers that lie about rooms.

use causeway_testkit::{RemoteKey, Said, v3};
use serde_json::{Value, json};

use super::Pair;

/// An invite of the hand-made server, with its id.
fn invite(pair: &Pair, version: &str, target: &str) -> (String, String, Value) {
    let room = format!("!room:{}", pair.theirs.name());
    let event = json!({
        "type": "m.room.member", "room_id": room, "sender": pair.theirs.user_id("eve"),
        "state_key": target, "content": {"membership": "invite"}, "depth": 5,
        "origin_server_ts": 1_700_000_000_000_u64, "prev_events": ["$p"], "auth_events": ["$a"],
    });
    let (id, event) = pair.theirs.key().event(version, event);
    (room, id, event)
}

fn path(room: &str, id: &str) -> String {
    let encode = |text: &str| {
        text.replace('$', "%24")
            .replace(':', "%3A")
            .replace('!', "%21")
    };
    format!(
        "/_matrix/federation/v2/invite/{}/{}",
        encode(room),
        encode(id)
    )
}

#[tokio::test]
async fn an_invite_must_be_what_it_says() {
    let pair = Pair::start().await;
    let alice = pair.ours.user("alice").await;
    let (room, id, event) = invite(&pair, "10", alice.id());
    let body = |version: &str, event: &Value| {
        json!({"room_version": version, "event": event, "invite_room_state": [
            {"type": "m.room.name", "state_key": "", "sender": "@x:y.z", "content": {"name": "N"}},
        ]})
    };
    let put = |path: String, body: Value| pair.call("PUT", path).json(body).send();

    let unknown = put(path(&room, &id), body("99", &event)).await;
    assert_eq!(
        unknown.error(),
        (400, "M_INCOMPATIBLE_ROOM_VERSION".to_owned())
    );
    let elsewhere = put(path("!other:a.b", &id), body("10", &event)).await;
    assert_eq!(elsewhere.error(), (400, "M_INVALID_PARAM".to_owned()));
    let renamed = put(path(&room, "$other"), body("10", &event)).await;
    assert_eq!(renamed.error(), (400, "M_INVALID_PARAM".to_owned()));
    let mut changed = event.clone();
    changed["depth"] = json!(6);
    let changed = put(path(&room, &id), body("10", &changed)).await;
    assert!(matches!(changed.status, 400 | 403), "{changed:?}");
    let mut unsigned = event.clone();
    unsigned["signatures"] = json!({});
    let unsigned = put(path(&room, &id), body("10", &unsigned)).await;
    assert_eq!(unsigned.error(), (403, "M_FORBIDDEN".to_owned()));
    let forger = RemoteKey::new(pair.theirs.name(), "a1");
    let mut forged = event.clone();
    forged.as_object_mut().unwrap().remove("signatures");
    let (_, forged) = forger.event("10", forged);
    let forged = put(path(&room, &id), body("10", &forged)).await;
    assert_eq!(forged.error(), (403, "M_FORBIDDEN".to_owned()));
    let (room2, id2, stranger) = invite(&pair, "10", &pair.ours.user_id("nobody"));
    let stranger = put(path(&room2, &id2), body("10", &stranger)).await;
    assert_eq!(stranger.error(), (404, "M_NOT_FOUND".to_owned()));

    let sync = alice.reader().now().await;
    assert!(
        sync["rooms"]["invite"][&room].is_null(),
        "none of them was shown"
    );
    let good = put(path(&room, &id), body("10", &event)).await;
    assert_eq!(good.status, 200, "{good:?}");
    let signatures = &good.json()["event"]["signatures"];
    assert!(
        signatures[pair.ours.name()].is_object(),
        "signed by the invited user's server"
    );
    assert!(signatures[pair.theirs.name()].is_object());
    let sync = alice.reader().now().await;
    assert!(!sync["rooms"]["invite"][&room].is_null());
}

#[tokio::test]
async fn a_room_that_keeps_a_server_out_takes_no_invite_of_it() {
    let pair = Pair::start().await;
    let alice = pair.ours.user("alice").await;
    let body = json!({"room_version": "10", "preset": "public_chat"});
    let room = alice.create_room(body).await;
    let event = json!({
        "type": "m.room.member", "room_id": room, "sender": pair.theirs.user_id("eve"),
        "state_key": alice.id(), "content": {"membership": "invite"}, "depth": 5,
        "origin_server_ts": 1_700_000_000_000_u64, "prev_events": ["$p"], "auth_events": ["$a"],
    });
    let (id, event) = pair.theirs.key().event("10", event);
    let body = json!({"room_version": "10", "event": event, "invite_room_state": []});
    let put = || {
        let call = pair.call("PUT", path(&room, &id));
        call.json(body.clone()).send()
    };
    assert_eq!(put().await.status, 200, "nobody is kept out yet");
    let deny = json!({"allow": ["*"], "deny": ["localhost"]});
    alice.set_state(&room, "m.room.server_acl", "", deny).await;
    assert_eq!(put().await.error(), (403, "M_FORBIDDEN".to_owned()));
}

#[tokio::test]
async fn a_join_needs_a_room_behind_it() {
    let pair = Pair::start().await;
    let alice = pair.ours.user("alice").await;
    let room = format!("!room:{}", pair.theirs.name());
    let get = "GET".parse().unwrap();
    pair.theirs
        .on(get, "/_matrix/federation/v1/make_join/", |_| {
            Said::json(&json!({"room_version": "10", "event": {
                "prev_events": ["$p"], "auth_events": ["$a"], "depth": 5, "content": {},
            }}))
        });
    let empty = json!({"state": [], "auth_chain": []});
    let answers = [
        empty.clone(),
        json!({"state": "none", "auth_chain": []}),
        json!({"state": [{"type": "m.room.create"}, 5], "auth_chain": [[]]}),
        json!({"state": [], "auth_chain": [], "event": {"type": "m.room.member"}}),
    ];
    for answer in answers {
        let said = answer.clone();
        let put = "PUT".parse().unwrap();
        let path = "/_matrix/federation/v2/send_join/";
        pair.theirs.on(put, path, move |_| Said::json(&said));
        let reply = alice
            .post(v3(&["join", &room]), json!({}))
            .unspecified()
            .reply()
            .await;
        assert_eq!(reply.status, 502, "{answer}: {}", reply.json());
    }
    let joined = alice.get(v3(&["joined_rooms"])).await;
    assert_eq!(joined["joined_rooms"], json!([]));
    let asked = pair.theirs.heard().await;
    let asked = asked
        .iter()
        .find(|it| it.path.contains("/make_join/"))
        .unwrap();
    assert!(
        asked.path.contains("ver=1&") && asked.path.contains("ver=12"),
        "{}",
        asked.path
    );
}

#[tokio::test]
async fn templates_are_for_users_of_who_asks_and_versions_they_speak() {
    let pair = Pair::start().await;
    let alice = pair.ours.user("alice").await;
    let room = alice.create_public_room().await;
    let base = "/_matrix/federation/v1/make_join";
    let room = room.replace('!', "%21");
    let eve = pair.theirs.user_id("eve");
    let own = pair
        .call("GET", format!("{base}/{room}/{eve}?ver=1&ver=12"))
        .send()
        .await;
    assert_eq!(own.status, 200, "{own:?}");
    let old = pair
        .call("GET", format!("{base}/{room}/{eve}?ver=1&ver=2"))
        .send()
        .await;
    assert_eq!(old.error(), (400, "M_INCOMPATIBLE_ROOM_VERSION".to_owned()));
    let other = pair
        .call("GET", format!("{base}/{room}/@eve:a.b?ver=12"))
        .send()
        .await;
    assert_eq!(other.error(), (403, "M_FORBIDDEN".to_owned()));
    let nowhere = pair
        .call("GET", format!("{base}/!x:a.b/{eve}?ver=12"))
        .send()
        .await;
    assert_eq!(nowhere.error(), (404, "M_NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn older_servers_are_invited_the_older_way() {
    let pair = Pair::start().await;
    let alice = pair.ours.user("alice").await;
    let key = pair.theirs.key();
    pair.theirs.on(
        "PUT".parse().unwrap(),
        "/_matrix/federation/v1/invite/",
        move |heard| {
            let mut event = heard.body.clone();
            event.as_object_mut().unwrap().remove("unsigned");
            let (_, signed) = key.event("2", event);
            Said::json(&json!([200, { "event": signed }]))
        },
    );
    let body = json!({"preset": "private_chat", "name": "Old", "room_version": "2"});
    let room = alice.create_room(body).await;
    let eve = pair.theirs.user_id("eve");
    alice.invite(&room, &eve).await;
    let member = alice.membership(&room, &eve).await;
    assert_eq!(member["membership"], "invite");
    let heard = pair.theirs.heard().await;
    let older = heard.iter().find(|it| it.path.contains("/v1/invite/"));
    let shown = &older.expect("the older way").body["unsigned"]["invite_room_state"];
    let named = shown.as_array().into_iter().flatten();
    let mut named = named.filter(|it| it["type"] == "m.room.name");
    assert_eq!(
        named.next().map(|it| &it["content"]["name"]),
        Some(&json!("Old"))
    );

    // Newer rooms are not for them.
    let newer = alice.create_room(json!({"preset": "private_chat"})).await;
    let reply = alice.invite(&newer, &eve).unspecified().reply().await;
    assert!(reply.status >= 400, "{reply:?}");
}
