//! Logging in and out, refresh tokens, soft logout, passwords.

use std::time::Duration;

use causeway_testkit::account::PASSWORD;
use causeway_testkit::{ServerOptions, TestServer, v1, v3};
use serde_json::json;

#[tokio::test]
async fn login_and_logout() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let flows = server.client().get(v3(&["login"])).await;
    let kinds: Vec<_> = flows["flows"]
        .as_array()
        .expect("flows")
        .iter()
        .map(|f| &f["type"])
        .collect();
    assert!(kinds.contains(&&json!("m.login.password")), "{flows}");
    server
        .client()
        .login_with("alice", "wrong password", json!({}))
        .fails(403, "M_FORBIDDEN")
        .await;
    server
        .client()
        .login_with("nobody", PASSWORD, json!({}))
        .fails(403, "M_FORBIDDEN")
        .await;
    let whole = server.client().login(alice.id()).await;
    assert_eq!(whole.id(), alice.id());
    let old = json!({"type": "m.login.password", "user": "alice", "password": PASSWORD});
    server.client().post(v3(&["login"]), old).await;
    let unknown = json!({"type": "org.example.magic"});
    let reply = server.client().post(v3(&["login"]), unknown).reply().await;
    assert_eq!(reply.status, 400);

    whole.post(v3(&["logout"]), json!({})).await;
    let error = whole
        .get(v3(&["account", "whoami"]))
        .fails(401, "M_UNKNOWN_TOKEN")
        .await;
    assert_ne!(error["soft_logout"], true);
    alice.get(v3(&["account", "whoami"])).await;
    alice.post(v3(&["logout", "all"]), json!({})).await;
    alice
        .get(v3(&["account", "whoami"]))
        .fails(401, "M_UNKNOWN_TOKEN")
        .await;
    server.client().login("alice").await;
}

#[tokio::test]
async fn refresh_tokens_renew_a_session() {
    let options = ServerOptions::default().set("login.access_token_lifetime_ms", "1500");
    let server = TestServer::start_with(options).await;
    server.user("alice").await;
    let more = json!({"refresh_token": true});
    let answer = server.client().login_with("alice", PASSWORD, more).await;
    let first = server.client().with_session(&answer);
    let lifetime = answer["expires_in_ms"].as_u64().expect("a lifetime");
    assert!(lifetime <= 1_500);
    first.get(v3(&["account", "whoami"])).await;
    tokio::time::sleep(Duration::from_millis(1_700)).await;
    let error = first
        .get(v3(&["account", "whoami"]))
        .fails(401, "M_UNKNOWN_TOKEN")
        .await;
    assert_eq!(error["soft_logout"], true);

    let refresh = v3(&["refresh"]);
    let body = json!({"refresh_token": answer["refresh_token"]});
    let renewed = server.client().post(&refresh, body.clone()).await;
    let token = renewed["access_token"].as_str().expect("a token");
    let whoami = server
        .client()
        .get(v3(&["account", "whoami"]))
        .token(token)
        .await;
    assert_eq!(whoami["device_id"], first.device_id());
    // Used once, the old refresh token is worth nothing.
    let reply = server.client().post(&refresh, body).reply().await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (401, "M_UNKNOWN_TOKEN")
    );
    let nonsense = json!({"refresh_token": "nonsense"});
    server
        .client()
        .post(&refresh, nonsense)
        .fails(401, "M_UNKNOWN_TOKEN")
        .await;
    // Who does not know refresh tokens gets a token without an end.
    let plain = server
        .client()
        .login_with("alice", PASSWORD, json!({}))
        .await;
    assert!(
        plain
            .get("expires_in_ms")
            .is_none_or(serde_json::Value::is_null)
    );
}

#[tokio::test]
async fn a_changed_password_ends_other_sessions() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let other = server.client().login("alice").await;
    let path = v3(&["account", "password"]);
    let body = json!({"new_password": "another long password"});
    let asked = alice.post(&path, body.clone()).reply().await;
    assert_eq!(asked.status, 401);
    let mut body = body;
    body["auth"] = alice.password_auth(&asked.json());
    alice.post(&path, body).await;
    alice.get(v3(&["account", "whoami"])).await;
    other
        .get(v3(&["account", "whoami"]))
        .fails(401, "M_UNKNOWN_TOKEN")
        .await;
    server
        .client()
        .login_with("alice", PASSWORD, json!({}))
        .fails(403, "M_FORBIDDEN")
        .await;
    server
        .client()
        .login_with("alice", "another long password", json!({}))
        .await;

    // Unless the user wants to keep them.
    let other = server
        .client()
        .login_with("alice", "another long password", json!({}))
        .await;
    let other = server.client().with_session(&other);
    let body = json!({"new_password": "a third long password", "logout_devices": false});
    let asked = alice.post(&path, body.clone()).reply().await;
    let mut body = body;
    body["auth"] = alice.password_auth(&asked.json());
    body["auth"]["password"] = json!("another long password");
    alice.post(&path, body).await;
    other.get(v3(&["account", "whoami"])).await;
}

#[tokio::test]
async fn a_session_lets_another_one_in() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let path = v1(&["login", "get_token"]);
    let asked = alice.post(&path, json!({})).reply().await;
    assert_eq!(asked.status, 401, "{}", asked.json());
    let auth = alice.password_auth(&asked.json());
    let answer = alice.post(&path, json!({"auth": auth})).await;
    let body = json!({"type": "m.login.token", "token": answer["login_token"]});
    let login = server.client().post(v3(&["login"]), body.clone()).await;
    assert_eq!(login["user_id"], alice.id());
    server
        .client()
        .post(v3(&["login"]), body)
        .fails(403, "M_FORBIDDEN")
        .await;
}

#[tokio::test]
async fn a_stage_proved_for_one_request_does_not_serve_another() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let device = server.client().login("alice").await;
    let asked = alice.post(
        v3(&["delete_devices"]),
        json!({"devices": [device.device_id()]}),
    );
    let session = asked.reply().await.json();
    let auth = alice.password_auth(&session);
    // A session of authentication is bound to the endpoint it began with.
    let body = json!({"new_password": "stolen stolen stolen", "auth": auth});
    let reply = alice.post(v3(&["account", "password"]), body).reply().await;
    assert!(
        reply.status == 401 || reply.status == 403,
        "{}",
        reply.json()
    );
    server.client().login("alice").await;
}

#[tokio::test]
async fn a_waiting_sync_ends_with_its_session() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let other = server.client().login("alice").await;
    let silent = json!({"presence": {"types": []}});
    let mut reader = other.reader().with_filter(&silent);
    reader.now().await;
    let waiting = tokio::spawn(async move { reader.call(20_000).reply().await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let started = std::time::Instant::now();
    alice.post(v3(&["logout", "all"]), json!({})).await;
    let reply = waiting.await.expect("an answer");
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(reply.status, 401, "{}", reply.json());
}
