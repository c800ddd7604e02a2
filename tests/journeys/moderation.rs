//! Accounts that administrators suspend or lock, and reports that reach them.

use causeway_testkit::account::PASSWORD;
use causeway_testkit::{TestClient, TestServer, v1, v3};
use serde_json::{Value, json};

fn standing(what: &str, user: &str) -> String {
    v1(&["admin", what, user])
}

async fn set(admin: &TestClient, what: &str, user: &TestClient, to: bool) -> Value {
    let key = match what {
        "lock" => "locked",
        _ => "suspended",
    };
    let answer = admin.put(standing(what, user.id()), json!({key: to})).await;
    let now = admin.get(standing(what, user.id())).await;
    assert_eq!(now[key], to);
    answer
}

#[tokio::test]
async fn a_suspended_account_reads_and_leaves_but_takes_no_part() {
    let server = TestServer::start().await;
    let admin = server.admin("root").await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let room = alice.create_public_room().await;
    let other = alice.create_public_room().await;
    bob.join(&room).await;
    let own = bob.say(&room, "mine").await;
    let hers = alice.say(&room, "hers").await;
    let power = json!({"users": {bob.id(): 100}});
    alice
        .set_state(&room, "m.room.power_levels", "", power)
        .await;

    assert_eq!(
        set(&admin, "suspend", &bob, true).await,
        json!({"suspended": true})
    );
    let refused = [
        bob.send_event(
            &room,
            "m.room.message",
            json!({"msgtype": "m.text", "body": "x"}),
        ),
        bob.join(&other),
        bob.invite(&room, admin.id()),
        bob.kick(&room, alice.id()),
        bob.set_state(&room, "m.room.topic", "", json!({"topic": "x"})),
        bob.put(
            v3(&["profile", bob.id(), "displayname"]),
            json!({"displayname": "x"}),
        ),
        bob.post(v3(&["createRoom"]), json!({})),
        bob.put(v3(&["rooms", &room, "redact", &hers, "t"]), json!({})),
    ];
    for call in refused {
        call.fails(403, "M_USER_SUSPENDED").await;
    }
    // Another session is suspended as well.
    let phone = server.client().login("bob").await;
    phone.join(&other).fails(403, "M_USER_SUSPENDED").await;
    assert!(bob.reader().now().await["rooms"]["join"][&room].is_object());
    bob.redact(&room, &own).await;
    bob.leave(&room).await;

    set(&admin, "suspend", &bob, false).await;
    bob.join(&other).await;
}

#[tokio::test]
async fn a_locked_account_is_useless_until_it_is_opened() {
    let server = TestServer::start().await;
    let admin = server.admin("root").await;
    let bob = server.user("bob").await;
    let with_refresh = server
        .client()
        .login_with("bob", PASSWORD, json!({"refresh_token": true}))
        .await;
    let refresh = json!({"refresh_token": with_refresh["refresh_token"]});
    let phone = server.client().login("bob").await;

    set(&admin, "lock", &bob, true).await;
    let error = bob
        .get(v3(&["account", "whoami"]))
        .fails(401, "M_USER_LOCKED")
        .await;
    assert_eq!(error["soft_logout"], true);
    let login = server.client().login_with("bob", PASSWORD, json!({}));
    login.fails(401, "M_USER_LOCKED").await;
    let wrong = server.client().login_with("bob", "a guess", json!({}));
    wrong.fails(403, "M_FORBIDDEN").await;
    let refreshing = server.client().post(v3(&["refresh"]), refresh.clone());
    refreshing.fails(401, "M_USER_LOCKED").await;
    phone.post(v3(&["logout"]), json!({})).await;

    set(&admin, "lock", &bob, false).await;
    bob.get(v3(&["account", "whoami"])).await;
    server.client().post(v3(&["refresh"]), refresh).await;
    phone
        .get(v3(&["account", "whoami"]))
        .fails(401, "M_UNKNOWN_TOKEN")
        .await;
}

#[tokio::test]
async fn only_administrators_moderate_and_none_of_their_own_kind() {
    let server = TestServer::start().await;
    let (admin, second) = (server.admin("root").await, server.admin("second").await);
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    for what in ["lock", "suspend"] {
        let body = json!({"locked": true, "suspended": true});
        for user in [bob.id(), "@nobody:elsewhere.example"] {
            let path = standing(what, user);
            alice.get(&path).fails(403, "M_FORBIDDEN").await;
            alice
                .put(&path, body.clone())
                .fails(403, "M_FORBIDDEN")
                .await;
        }
        for untouchable in [admin.id(), second.id()] {
            let path = standing(what, untouchable);
            admin
                .put(&path, body.clone())
                .fails(403, "M_FORBIDDEN")
                .await;
        }
        let unknown = standing(what, &server.user_id("nobody"));
        admin.get(unknown).fails(404, "M_NOT_FOUND").await;
        let foreign = standing(what, "@nobody:elsewhere.example");
        admin.get(foreign).fails(400, "M_INVALID_PARAM").await;
    }
    let may = |capabilities: Value| capabilities["capabilities"]["m.account_moderation"].clone();
    let capabilities = v3(&["capabilities"]);
    let all = json!({"suspend": true, "lock": true});
    assert_eq!(may(admin.get(&capabilities).await), all);
    assert_eq!(may(alice.get(&capabilities).await), Value::Null);
}

#[tokio::test]
async fn rooms_events_and_users_are_reported() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let room = alice.create_public_room().await;
    let event = alice.say(&room, "spam").await;
    let why = || json!({"reason": "spam"});
    let report_event = v3(&["rooms", &room, "report", &event]);
    bob.post(&report_event, why())
        .fails(404, "M_NOT_FOUND")
        .await;
    bob.join(&room).await;
    bob.post(&report_event, why()).await;
    bob.post(v3(&["rooms", &room, "report"]), why()).await;
    bob.post(v3(&["users", alice.id(), "report"]), why()).await;
    let unknown = v3(&["users", &server.user_id("nobody"), "report"]);
    bob.post(unknown, why()).fails(404, "M_NOT_FOUND").await;
    let no_room = v3(&["rooms", "!nowhere:elsewhere.example", "report"]);
    bob.post(no_room, why()).fails(404, "M_NOT_FOUND").await;
}
