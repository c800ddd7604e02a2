//! Registration in all its ways, and the end of an account.

use causeway_testkit::account::PASSWORD;
use causeway_testkit::reader::of_state;
use causeway_testkit::{ServerOptions, TestServer, v1, v3};
use serde_json::json;

#[tokio::test]
async fn names_are_checked_before_and_after() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    assert_eq!(alice.id(), server.user_id("alice"));
    let available = |name: &str| {
        server
            .client()
            .get(v3(&["register", "available"]))
            .query("username", name)
    };
    assert_eq!(available("bob").await["available"], true);
    available("alice").fails(400, "M_USER_IN_USE").await;
    for bad in ["Ünicode", "has space", "a:b", "", "with@at"] {
        available(bad).fails(400, "M_INVALID_USERNAME").await;
    }
    let register = |name: &str| {
        let body = json!({"username": name, "password": PASSWORD});
        server.client().post(v3(&["register"]), body)
    };
    register("alice").fails(400, "M_USER_IN_USE").await;
    register("has space").fails(400, "M_INVALID_USERNAME").await;
    let long = "x".repeat(260);
    register(&long).fails(400, "M_INVALID_USERNAME").await;
    // Clients may write the name as they like; it is one name.
    let body = json!({"username": "BOB", "password": PASSWORD});
    let upper = server.client().register_with(body).await;
    assert_eq!(upper["user_id"], server.user_id("bob"));
    let weak = json!({"username": "carol", "password": "x"});
    let reply = server.client().post(v3(&["register"]), weak).reply().await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (400, "M_WEAK_PASSWORD")
    );
}

#[tokio::test]
async fn registration_has_options() {
    let server = TestServer::start().await;
    let body = json!({"password": PASSWORD, "inhibit_login": true});
    let answer = server.client().register_with(body).await;
    assert!(
        answer["access_token"].is_null() && answer["user_id"].is_string(),
        "{answer}"
    );
    let body = json!({"username": "dora", "password": PASSWORD, "device_id": "LAPTOP",
        "initial_device_display_name": "Laptop", "refresh_token": true});
    let answer = server.client().register_with(body).await;
    assert_eq!(answer["device_id"], "LAPTOP");
    assert!(
        answer["refresh_token"].is_string() && answer["expires_in_ms"].is_u64(),
        "{answer}"
    );
}

#[tokio::test]
async fn two_requests_for_one_name_make_one_account() {
    let server = TestServer::start().await;
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let client = server.client();
            tokio::spawn(async move {
                let body = json!({"username": "wanted", "password": PASSWORD});
                let asked = client.post(v3(&["register"]), body.clone()).reply().await;
                // Another one may have made the account before this one asked.
                if asked.status != 401 {
                    return asked;
                }
                let mut body = body;
                body["auth"] = json!({"type": "m.login.dummy", "session": asked.json()["session"]});
                client.post(v3(&["register"]), body).reply().await
            })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        let reply = task.await.expect("an answer");
        match reply.status {
            200 => made += 1,
            status => assert_eq!((status, reply.code().as_str()), (400, "M_USER_IN_USE")),
        }
    }
    assert_eq!(made, 1);
}

#[tokio::test]
async fn a_closed_server_lets_nobody_in() {
    let options = ServerOptions::default()
        .set("registration.open", "false")
        .set("registration.guests", "false");
    let server = TestServer::start_with(options).await;
    let body = json!({"username": "alice", "password": PASSWORD});
    server
        .client()
        .post(v3(&["register"]), body)
        .fails(403, "M_FORBIDDEN")
        .await;
    let guest = server
        .client()
        .post(v3(&["register"]), json!({}))
        .query("kind", "guest");
    assert_eq!(guest.reply().await.status, 403);
}

#[tokio::test]
async fn a_token_may_be_asked_for() {
    let options = ServerOptions::default().set("registration.require_token", "true");
    let server = TestServer::start_with(options).await;
    let body = json!({"username": "alice", "password": PASSWORD});
    let asked = server
        .client()
        .post(v3(&["register"]), body.clone())
        .reply()
        .await;
    assert_eq!(asked.status, 401);
    let stages = asked.json();
    let flows = stages["flows"].to_string();
    assert!(flows.contains("m.login.registration_token"), "{flows}");
    let mut body = body;
    body["auth"] = json!({"type": "m.login.registration_token", "token": "guessed",
        "session": stages["session"]});
    let reply = server.client().post(v3(&["register"]), body).reply().await;
    assert_eq!(reply.status, 401, "{}", reply.json());
    let validity = v1(&["register", "m.login.registration_token", "validity"]);
    let answer = server
        .client()
        .get(validity)
        .query("token", "guessed")
        .await;
    assert_eq!(answer["valid"], false);
}

#[tokio::test]
async fn an_account_ends_and_takes_its_things_along() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.put(
        v3(&["profile", bob.id(), "displayname"]),
        json!({"displayname": "Bob"}),
    )
    .await;
    bob.join(&room).await;
    bob.say(&room, "I was here").await;
    let invited = alice.create_room(json!({"invite": [bob.id()]})).await;
    let path = v3(&["account", "deactivate"]);
    let asked = bob.post(&path, json!({"erase": true})).reply().await;
    assert_eq!(asked.status, 401);
    let auth = bob.password_auth(&asked.json());
    let done = bob.post(&path, json!({"erase": true, "auth": auth})).await;
    assert!(done["id_server_unbind_result"].is_string(), "{done}");

    bob.get(v3(&["account", "whoami"]))
        .fails(401, "M_UNKNOWN_TOKEN")
        .await;
    let login = server
        .client()
        .login_with("bob", PASSWORD, json!({}))
        .reply()
        .await;
    assert_eq!(
        (login.status, login.code().as_str()),
        (403, "M_USER_DEACTIVATED")
    );
    let body = json!({"username": "bob", "password": PASSWORD});
    server
        .client()
        .post(v3(&["register"]), body)
        .fails(400, "M_USER_IN_USE")
        .await;
    let mut reader = alice.reader();
    reader.until("both leaves", |_| true).await;
    for place in [&room, &invited] {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while alice.membership(place, bob.id()).await["membership"] != "leave" {
            assert!(
                std::time::Instant::now() < deadline,
                "bob is still in {place}"
            );
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    let profile = alice.get(v3(&["profile", bob.id()])).reply().await;
    assert!(
        profile
            .json()
            .get("displayname")
            .is_none_or(serde_json::Value::is_null)
    );
    // Who joins later does not see what an erased user said.
    let carol = server.user("carol").await;
    carol.join(&room).await;
    let history = carol.all_messages(&room, "b", 50).await;
    assert!(
        !json!(history).to_string().contains("I was here"),
        "an erased message is shown"
    );
    assert!(of_state(&history, "m.room.create", "").is_some());
}

#[tokio::test]
async fn whoami_capabilities_and_versions_tell_the_truth() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let whoami = alice.get(v3(&["account", "whoami"])).await;
    assert_eq!(
        (&whoami["user_id"], &whoami["device_id"]),
        (&json!(alice.id()), &json!(alice.device_id()))
    );
    let capabilities = alice.get(v3(&["capabilities"])).await["capabilities"].clone();
    assert_eq!(capabilities["m.room_versions"]["default"], "12");
    let available = capabilities["m.room_versions"]["available"]
        .as_object()
        .expect("versions");
    for version in causeway_testkit::ROOM_VERSIONS {
        assert!(available.contains_key(version), "room version {version}");
    }
    let versions = server.client().get("/_matrix/client/versions").await;
    let listed = versions["versions"].as_array().expect("a list");
    assert!(listed.iter().all(|v| {
        v.as_str()
            .is_some_and(|v| v.starts_with('v') || v.starts_with('r'))
    }));
    server
        .client()
        .get(v3(&["capabilities"]))
        .fails(401, "M_MISSING_TOKEN")
        .await;
    let well_known = server.client().get("/.well-known/matrix/client").await;
    assert!(well_known["m.homeserver"]["base_url"].is_string());
}
