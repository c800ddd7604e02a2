//! Invites by an e-mail address. The identity server is the test's own.

use std::sync::Arc;

use causeway_testkit::{
    Authority, Call, RemoteServer, Said, ServerOptions, TestClient, TestServer, v3,
};
use reqwest::Method;
use ruma::CanonicalJsonObject;
use serde_json::{Value, json};

const IDENTITY: &str = "/_matrix/identity/v2";

fn options(authority: &Authority) -> ServerOptions {
    let file = authority.file().display().to_string();
    ServerOptions::default()
        .text("outbound.trusted_authorities", &file)
        .set("outbound.allowed_addresses", "[\"127.0.0.0/8\", \"::1\"]")
}

/// An identity server that knows `known` by the hash of their address, and keeps invites.
pub(crate) async fn identity_server(authority: &Arc<Authority>, known: Value) -> RemoteServer {
    let remote = RemoteServer::start(authority).await;
    let details = json!({"algorithms": ["none", "sha256"], "lookup_pepper": "matrixrocks"});
    remote.on(
        Method::GET,
        &format!("{IDENTITY}/hash_details"),
        move |_| Said::json(&details),
    );
    remote.on(Method::POST, &format!("{IDENTITY}/lookup"), move |asked| {
        // What it does not know it names, too, as some do.
        let asked = asked.body["addresses"].as_array().into_iter().flatten();
        let asked = asked.filter_map(Value::as_str);
        let mappings: Value = asked
            .map(|hash| (hash.to_owned(), known[hash].clone()))
            .collect();
        Said::json(&json!({"mappings": mappings}))
    });
    let document = remote.key().document(4_000_000_000_000);
    let keys = document["verify_keys"].as_object().expect("keys");
    let key = keys.values().next().expect("a key")["key"].clone();
    remote.on(
        Method::POST,
        &format!("{IDENTITY}/store-invite"),
        move |_| {
            let keys =
                json!([{"public_key": key, "key_validity_url": "https://id.example/isvalid"}]);
            Said::json(
                &json!({"token": "the-token", "public_keys": keys, "display_name": "a...@e..."}),
            )
        },
    );
    remote
}

pub(crate) fn invite(user: &TestClient, room: &str, remote: &RemoteServer, address: &str) -> Call {
    let body = json!({"id_server": remote.name(), "id_access_token": "their token",
                      "medium": "email", "address": address});
    user.post(v3(&["rooms", room, "invite"]), body)
}

/// What the identity server gives to who has proved the address.
pub(crate) fn signed(remote: &RemoteServer, mxid: &str, sender: &str) -> Value {
    let object = json!({"mxid": mxid, "token": "the-token"});
    let mut object: CanonicalJsonObject = serde_json::from_value(object).expect("an object");
    remote.key().sign_as(remote.name(), &mut object);
    let mut signed = serde_json::to_value(object).expect("JSON");
    signed["sender"] = json!(sender);
    signed
}

#[tokio::test]
async fn who_proves_an_address_comes_in_by_its_invite() {
    for version in ["11", "12"] {
        let authority = Authority::new();
        let remote = identity_server(&authority, json!({})).await;
        let options = options(&authority).default_room_version(version);
        let server = TestServer::start_with(options).await;
        let (alice, bob) = (server.user("alice").await, server.user("bob").await);
        let mallory = server.user("mallory").await;
        let private = json!({"preset": "private_chat"});
        let room = alice.post(v3(&["createRoom"]), private).await;
        let room = room["room_id"].as_str().expect("a room").to_owned();

        let outside = invite(&mallory, &room, &remote, "bob@example.org");
        outside.fails(403, "M_FORBIDDEN").await;
        assert!(
            remote.heard().await.is_empty(),
            "who may not invite asks nobody"
        );
        invite(&alice, &room, &remote, "bob@example.org").await;
        let heard = remote.heard().await;
        assert!(
            heard
                .iter()
                .all(|it| it.authorization == "Bearer their token")
        );
        let lookup = heard.iter().find(|it| it.path.ends_with("/lookup"));
        let lookup = &lookup.expect("a lookup").body;
        assert!(!lookup.to_string().contains("bob@"), "{lookup}");
        let stored = heard.iter().find(|it| it.path.ends_with("/store-invite"));
        let stored = &stored.expect("an invite").body;
        assert_eq!(
            (&stored["room_id"], &stored["sender"]),
            (&json!(room), &json!(alice.id()))
        );
        let state = [
            "rooms",
            &room,
            "state",
            "m.room.third_party_invite",
            "the-token",
        ];
        let pending = alice.get(v3(&state)).await;
        assert_eq!(pending["display_name"], "a...@e...");
        assert!(
            pending["public_keys"][0]["public_key"].is_string(),
            "{pending}"
        );

        let join = |who: &TestClient, proof: Value| {
            let body = json!({"third_party_signed": proof});
            who.post(v3(&["rooms", &room, "join"]), body)
        };
        // Neither another's proof, nor one that nobody or somebody else has signed.
        let good = signed(&remote, bob.id(), alice.id());
        join(&mallory, good.clone()).fails(403, "M_FORBIDDEN").await;
        let mut forged = good.clone();
        forged["mxid"] = json!(mallory.id());
        join(&mallory, forged).fails(403, "M_FORBIDDEN").await;
        let mut lying = good.clone();
        lying["sender"] = json!(bob.id());
        join(&bob, lying).fails(403, "M_FORBIDDEN").await;
        join(&bob, good).await;
        let member = ["rooms", &room, "state", "m.room.member", bob.id()];
        assert_eq!(alice.get(v3(&member)).await["membership"], "join");
        let members = alice.get(v3(&["rooms", &room, "members"])).await;
        assert!(!members.to_string().contains(mallory.id()), "{members}");
    }
}

#[tokio::test]
async fn a_known_address_is_its_user() {
    let authority = Authority::new();
    let server = TestServer::start_with(options(&authority)).await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    // SHA-256 of "alice@example.com email matrixrocks", as in the specification's example
    let known = json!({"4kenr7N9drpCJ4AfalmlGQVsOn3o2RHjkADUpXJWZUc": bob.id()});
    let remote = identity_server(&authority, known).await;
    let room = alice.create_room(json!({})).await;
    invite(&alice, &room, &remote, "alice@example.com").await;
    let member = ["rooms", &room, "state", "m.room.member", bob.id()];
    assert_eq!(alice.get(v3(&member)).await["membership"], "invite");
    let heard = remote.heard().await;
    assert!(heard.iter().all(|it| !it.path.ends_with("/store-invite")));
}

#[tokio::test]
async fn an_identity_server_that_will_not_do_makes_no_invite() {
    let authority = Authority::new();
    let server = TestServer::start_with(options(&authority)).await;
    let alice = server.user("alice").await;
    let room = alice.create_room(json!({})).await;
    let remote = RemoteServer::start(&authority).await;
    let denied = json!({"errcode": "M_TERMS_NOT_SIGNED", "error": "read them"});
    remote.on(
        Method::GET,
        &format!("{IDENTITY}/hash_details"),
        move |_| Said::status(403, &denied),
    );
    invite(&alice, &room, &remote, "a@example.org")
        .fails(403, "M_TERMS_NOT_SIGNED")
        .await;
    let odd = json!({"id_server": "example.org/path?", "id_access_token": "t",
                     "medium": "email", "address": "a@example.org"});
    let call = alice.post(v3(&["rooms", &room, "invite"]), odd).malformed();
    call.fails(400, "M_INVALID_PARAM").await;

    // A server behind the firewall is not asked.
    let careful = TestServer::start().await;
    let alice = careful.user("alice").await;
    let room = alice.create_room(json!({})).await;
    let heard = remote.heard().await.len();
    invite(&alice, &room, &remote, "a@example.org")
        .fails(400, "M_UNKNOWN")
        .await;
    assert_eq!(remote.heard().await.len(), heard);
}

#[tokio::test]
async fn an_address_is_bound_at_the_identity_server_that_the_client_names() {
    let authority = Authority::new();
    let server = TestServer::start_with(options(&authority)).await;
    let alice = server.user("alice").await;
    let remote = RemoteServer::start(&authority).await;
    let path = format!("{IDENTITY}/3pid/bind");
    remote.on(Method::POST, &path, |asked| {
        match asked.body["sid"].as_str() {
            Some("proved") => Said::json(&json!({"medium": "email", "mxid": asked.body["mxid"]})),
            Some("liar") => Said::json(&json!({"medium": "email", "mxid": "@other:example.org"})),
            _ => Said::status(
                400,
                &json!({"errcode": "M_SESSION_NOT_VALIDATED", "error": "no"}),
            ),
        }
    });
    let bind = |sid: &str, server: &str| {
        let body = json!({"sid": sid, "client_secret": "s3cret", "id_server": server,
                          "id_access_token": "their token"});
        alice.post(v3(&["account", "3pid", "bind"]), body)
    };
    assert_eq!(bind("proved", remote.name()).await, json!({}));
    let heard = remote.heard().await;
    let asked = heard.first().expect("a request");
    assert_eq!(asked.authorization, "Bearer their token");
    let expected = json!({"sid": "proved", "client_secret": "s3cret", "mxid": alice.id()});
    assert_eq!(asked.body, expected);
    let open = bind("open", remote.name()).unspecified();
    open.fails(403, "M_SESSION_NOT_VALIDATED").await;
    bind("liar", remote.name())
        .unspecified()
        .fails(400, "M_UNKNOWN")
        .await;
    bind("proved", "a/b?")
        .unspecified()
        .fails(400, "M_INVALID_PARAM")
        .await;
    // Only who is logged in, and nothing of this account changes.
    bind("proved", remote.name())
        .anonymous()
        .fails(401, "M_MISSING_TOKEN")
        .await;
    let list = alice.get(v3(&["account", "3pid"])).await;
    assert_eq!(list, json!({"threepids": []}));
    assert!(!server.log().contains("their token"));
}

#[tokio::test]
async fn a_room_begins_with_invites_by_address() {
    let authority = Authority::new();
    let server = TestServer::start_with(options(&authority)).await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    // SHA-256 of "alice@example.com email matrixrocks", as in the specification's example
    let known = json!({"4kenr7N9drpCJ4AfalmlGQVsOn3o2RHjkADUpXJWZUc": bob.id()});
    let remote = identity_server(&authority, known).await;
    let address = |address: &str| {
        json!({"id_server": remote.name(), "id_access_token": "their token", "medium": "email",
               "address": address})
    };
    let invites = [address("alice@example.com"), address("new@example.com")];
    let room = alice.create_room(json!({"invite_3pid": invites})).await;
    let member = ["rooms", &room, "state", "m.room.member", bob.id()];
    assert_eq!(alice.get(v3(&member)).await["membership"], "invite");
    let state = [
        "rooms",
        &room,
        "state",
        "m.room.third_party_invite",
        "the-token",
    ];
    assert_eq!(alice.get(v3(&state)).await["display_name"], "a...@e...");
    let many = vec![address("x@example.com"); 21];
    let call = alice.post(v3(&["createRoom"]), json!({"invite_3pid": many}));
    call.fails(400, "M_INVALID_PARAM").await;
}
