//! What else clients ask of a server: relays for calls, proofs of identity for others, contacts,
//! bridged networks, rooms in common.

use causeway_testkit::{ServerOptions, TestServer, path, v1, v3};
use serde_json::{Value, json};

#[tokio::test]
async fn callers_get_credentials_of_their_own_for_the_relay() {
    let without = TestServer::start().await;
    let alice = without.user("alice").await;
    // The specification has no answer for servers without a relay; clients know the empty one.
    let turn_server = || v3(&["voip", "turnServer"]);
    let nothing = alice.get(turn_server()).unspecified().await;
    assert_eq!(nothing, json!({}));

    let options = ServerOptions::default()
        .set("turn.uris", "[\"turn:turn.example.org?transport=udp\"]")
        .text("turn.shared_secret", "north")
        .text("turn.lifetime_ms", "1h");
    let server = TestServer::start_with(options).await;
    let alice = server.user("alice").await;
    let given = alice.get(turn_server()).await;
    assert_eq!(
        given["uris"],
        json!(["turn:turn.example.org?transport=udp"])
    );
    assert_eq!(given["ttl"], 3600);
    let name = given["username"].as_str().expect("a name");
    let (until, user) = name.split_once(':').expect("a time and a user");
    assert!(until.parse::<u64>().is_ok());
    assert_eq!(user, alice.id());
    // 20 bytes of HMAC-SHA1 as base64
    assert_eq!(given["password"].as_str().map(str::len), Some(28));
    server
        .client()
        .get(turn_server())
        .fails(401, "M_MISSING_TOKEN")
        .await;

    let options = ServerOptions::default()
        .set("turn.uris", "[\"turns:turn.example.org\"]")
        .text("turn.username", "everybody")
        .text("turn.password", "the same");
    let server = TestServer::start_with(options).await;
    let given = server.user("alice").await.get(turn_server()).await;
    assert_eq!(
        (&given["username"], &given["password"]),
        (&"everybody".into(), &"the same".into())
    );
}

#[tokio::test]
async fn an_open_id_token_proves_to_others_who_somebody_is() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let asks = v3(&["user", alice.id(), "openid", "request_token"]);
    bob.post(&asks, json!({})).fails(403, "M_FORBIDDEN").await;
    let token = alice.post(&asks, json!({})).await;
    assert_eq!(token["matrix_server_name"], server.name());
    let userinfo = || {
        let path = path("/_matrix/federation/v1", &["openid", "userinfo"]);
        server.client().get(path).unspecified()
    };
    let proof = token["access_token"].as_str().expect("a token");
    let who = userinfo().query("access_token", proof).await;
    assert_eq!(who["sub"], alice.id());
    let wrong = userinfo().query("access_token", "made-up");
    wrong.fails(401, "M_UNKNOWN_TOKEN").await;
    // It opens nothing else.
    let whoami = alice.get(v3(&["account", "whoami"])).token(proof);
    whoami.fails(401, "M_UNKNOWN_TOKEN").await;
}

#[tokio::test]
async fn the_operators_contacts_are_published() {
    let options =
        ServerOptions::default().text("well_known.support_page", "https://example.org/help");
    let server = TestServer::start_with(options).await;
    let support = path("/.well-known/matrix", &["support"]);
    let published = server.client().get(support).await;
    assert_eq!(published["support_page"], "https://example.org/help");
}

#[tokio::test]
async fn no_network_is_bridged() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    assert_eq!(alice.get(v3(&["thirdparty", "protocols"])).await, json!({}));
}

#[tokio::test]
async fn two_people_see_which_rooms_they_share() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let shared = || alice.get(v1(&["mutual_rooms"]));
    let none = shared().query("user_id", bob.id()).await;
    assert_eq!(none, json!({"count": 0, "joined": []}));
    let room = alice.create_public_room().await;
    alice.create_public_room().await;
    bob.join(&room).await;
    let one = shared().query("user_id", bob.id()).await;
    assert_eq!(one, json!({"count": 1, "joined": [&room]}));
    bob.leave(&room).await;
    assert_eq!(shared().query("user_id", bob.id()).await["count"], 0);

    let mine = shared().query("user_id", alice.id());
    mine.fails(400, "M_INVALID_PARAM").await;
    let odd = shared().query("user_id", bob.id()).query("from", "x");
    odd.fails(400, "M_INVALID_PARAM").await;
    shared().malformed().fails(400, "M_MISSING_PARAM").await;
}

#[tokio::test]
async fn rooms_in_common_come_in_pages() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    for _ in 0..103 {
        let room = alice.create_public_room().await;
        bob.join(&room).await;
    }
    let shared = || bob.get(v1(&["mutual_rooms"])).query("user_id", alice.id());
    let first = shared().await;
    let number = |page: &Value| page["joined"].as_array().map(Vec::len);
    assert_eq!((&first["count"], number(&first)), (&103.into(), Some(100)));
    let next = first["next_batch"].as_str().expect("a token");
    let second = shared().query("from", next).await;
    assert_eq!((&second["count"], number(&second)), (&103.into(), Some(3)));
    assert_eq!(second["next_batch"], Value::Null);
}

#[tokio::test]
async fn calls_go_through_the_transports_that_the_operator_names() {
    let options = ServerOptions::default().set(
        "rtc.livekit_service_urls",
        "[\"https://one.example.org\", \"https://two.example.org/jwt\"]",
    );
    let server = TestServer::start_with(options).await;
    let alice = server.user("alice").await;
    let feature = |versions: Value| versions["unstable_features"]["org.matrix.msc4143"].clone();
    for at in ["v1", "unstable/org.matrix.msc4143"] {
        let path = format!("/_matrix/client/{at}/rtc/transports");
        let answer = alice.get(&path).unspecified().await;
        let expected = json!([
            {"type": "livekit", "livekit_service_url": "https://one.example.org"},
            {"type": "livekit", "livekit_service_url": "https://two.example.org/jwt"},
        ]);
        assert_eq!(answer["rtc_transports"], expected);
        let nobody = server.client().get(&path).unspecified();
        nobody.fails(401, "M_MISSING_TOKEN").await;
    }
    assert_eq!(feature(alice.get("/_matrix/client/versions").await), true);
    let without = TestServer::start().await;
    let bob = without.user("bob").await;
    let call = bob.get("/_matrix/client/v1/rtc/transports").unspecified();
    assert_eq!(call.await["rtc_transports"], json!([]));
    let versions = bob.get("/_matrix/client/versions").await;
    assert!(feature(versions).is_null());
}
