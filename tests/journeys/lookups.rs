//! Networks that are bridged (none are), and documents about what this server is.

use causeway_testkit::{ServerOptions, TestServer, v1, v3};
use serde_json::json;

#[tokio::test]
async fn no_network_is_bridged() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let ask = |segments: &[&str]| {
        let all: Vec<&str> = ["thirdparty"].iter().chain(segments).copied().collect();
        alice.get(v3(&all))
    };
    assert_eq!(ask(&["protocols"]).await, json!({}));
    ask(&["protocol", "irc"]).fails(404, "M_NOT_FOUND").await;
    assert_eq!(ask(&["location", "irc"]).await, json!([]));
    let fields = ask(&["user", "irc"]).query("fields", "x").malformed();
    assert_eq!(fields.await, json!([]));
    assert_eq!(ask(&["user", "irc"]).await, json!([]));
    let alias = ask(&["location"]).query("alias", "#irc:localhost");
    assert_eq!(alias.await, json!([]));
    let user = ask(&["user"]).query("userid", "@irc_bob:localhost");
    assert_eq!(user.await, json!([]));
    ask(&["user"])
        .malformed()
        .fails(400, "M_MISSING_PARAM")
        .await;
    ask(&["location", "irc"])
        .anonymous()
        .fails(401, "M_MISSING_TOKEN")
        .await;
}

#[tokio::test]
async fn a_policy_server_tells_its_key() {
    let path = "/.well-known/matrix/policy_server";
    let server = TestServer::start().await;
    server.client().get(path).fails(404, "M_NOT_FOUND").await;

    let key = "6yhHGKhCiXTSEN2ksjV7kXN6rBQZ3XbM7LlC6NSs1yM";
    let options = ServerOptions::default().text("well_known.policy_server_key", key);
    let server = TestServer::start_with(options).await;
    let told = server.client().get(path).await;
    assert_eq!(told, json!({"public_keys": {"ed25519": key}}));
}

#[tokio::test]
async fn there_is_no_oauth_and_clients_learn_it() {
    let server = TestServer::start().await;
    let client = server.client();
    client
        .get(v1(&["auth_metadata"]))
        .fails(404, "M_UNRECOGNIZED")
        .await;
}

#[tokio::test]
async fn there_are_no_telephones() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let body = json!({"client_secret": "secret", "country": "GB", "phone_number": "07700900001",
                      "send_attempt": 1});
    for path in [
        v3(&["register", "msisdn", "requestToken"]),
        v3(&["account", "password", "msisdn", "requestToken"]),
        v3(&["account", "3pid", "msisdn", "requestToken"]),
    ] {
        alice
            .post(path, body.clone())
            .fails(400, "M_THREEPID_MEDIUM_NOT_SUPPORTED")
            .await;
    }
}
