//! Bad input gets the specification's status and error code, and harms nothing.

use causeway_testkit::{TestClient, TestServer, path, v3};
use reqwest::Method;
use serde_json::{Value, json};

const JSON: &str = "application/json";

/// Endpoints that take a JSON body, with a path that is otherwise right.
fn with_bodies(alice: &TestClient, room: &str) -> Vec<(Method, String)> {
    vec![
        (Method::POST, v3(&["createRoom"])),
        (Method::POST, v3(&["login"])),
        (Method::POST, v3(&["register"])),
        (Method::POST, v3(&["rooms", room, "invite"])),
        (Method::POST, v3(&["rooms", room, "kick"])),
        (Method::POST, v3(&["user", alice.id(), "filter"])),
        (Method::POST, v3(&["user_directory", "search"])),
        (
            Method::PUT,
            v3(&["rooms", room, "send", "m.room.message", "bad"]),
        ),
        (
            Method::PUT,
            v3(&["rooms", room, "state", "m.room.topic", ""]),
        ),
        (Method::PUT, v3(&["profile", alice.id(), "displayname"])),
        (
            Method::PUT,
            v3(&["user", alice.id(), "account_data", "x.y"]),
        ),
        (Method::PUT, v3(&["rooms", room, "typing", alice.id()])),
        (Method::PUT, v3(&["presence", alice.id(), "status"])),
    ]
}

async fn refused(call: causeway_testkit::Call, status: u16, codes: &[&str], what: &str) {
    let reply = call.malformed().reply().await;
    let fits = reply.status == status && codes.contains(&reply.code().as_str());
    assert!(
        fits,
        "{what}: {} {}",
        reply.status,
        String::from_utf8_lossy(&reply.bytes)
    );
}

#[tokio::test]
async fn broken_json_is_not_json() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    for (method, at) in with_bodies(&alice, &room) {
        for broken in ["{", "{\"a\": }", "nonsense", "{\"a\": 1} trailing", "\u{0}"] {
            let call = alice.call(method.clone(), &at).raw(JSON, broken);
            refused(
                call,
                400,
                &["M_NOT_JSON"],
                &format!("{method} {at} {broken:?}"),
            )
            .await;
        }
        let call = alice
            .call(method.clone(), &at)
            .raw(JSON, b"{\"a\": \"\xff\xfe\"}".to_vec());
        refused(
            call,
            400,
            &["M_NOT_JSON"],
            &format!("{method} {at} not UTF-8"),
        )
        .await;
    }
}

/// Requests whose bodies are objects, with fields of another type or none where one must be.
fn with_wrong_fields(alice: &TestClient, room: &str) -> Vec<(Method, String, Value)> {
    vec![
        (Method::POST, v3(&["createRoom"]), json!({"name": 5})),
        (Method::POST, v3(&["createRoom"]), json!({"invite": "@a:b"})),
        (
            Method::POST,
            v3(&["createRoom"]),
            json!({"invite": ["not a user"]}),
        ),
        (
            Method::POST,
            v3(&["createRoom"]),
            json!({"preset": ["private_chat"]}),
        ),
        (
            Method::POST,
            v3(&["createRoom"]),
            json!({"initial_state": [{"type": 1}]}),
        ),
        (
            Method::POST,
            v3(&["rooms", room, "invite"]),
            json!({"user_id": 5}),
        ),
        (
            Method::POST,
            v3(&["rooms", room, "invite"]),
            json!({"user_id": "nobody"}),
        ),
        (Method::POST, v3(&["rooms", room, "invite"]), json!({})),
        (Method::POST, v3(&["rooms", room, "ban"]), json!({})),
        (
            Method::POST,
            v3(&["user_directory", "search"]),
            json!({"search_term": {}}),
        ),
        (Method::POST, v3(&["user_directory", "search"]), json!({})),
        (
            Method::PUT,
            v3(&["presence", alice.id(), "status"]),
            json!({"presence": 5}),
        ),
        (
            Method::PUT,
            v3(&["rooms", room, "typing", alice.id()]),
            json!({"typing": "yes"}),
        ),
        (
            Method::POST,
            v3(&["user", alice.id(), "filter"]),
            json!({"room": []}),
        ),
        (
            Method::POST,
            v3(&["user", alice.id(), "filter"]),
            json!({"room": {"timeline": {"limit": "x"}}}),
        ),
    ]
}

#[tokio::test]
async fn wrong_types_are_bad_json() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let codes = ["M_BAD_JSON", "M_INVALID_PARAM", "M_MISSING_PARAM"];
    for (method, at) in with_bodies(&alice, &room) {
        for body in [json!([]), json!("text"), json!(5)] {
            let call = alice.call(method.clone(), &at).json(body.clone());
            refused(call, 400, &["M_BAD_JSON"], &format!("{method} {at} {body}")).await;
        }
    }
    for (method, at, body) in with_wrong_fields(&alice, &room) {
        let call = alice.call(method.clone(), &at).json(body.clone());
        refused(call, 400, &codes, &format!("{method} {at} {body}")).await;
    }
}

#[tokio::test]
async fn tokens_are_asked_for() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    for at in [
        v3(&["sync"]),
        v3(&["account", "whoami"]),
        v3(&["joined_rooms"]),
        v3(&["devices"]),
    ] {
        alice
            .get(&at)
            .anonymous()
            .fails(401, "M_MISSING_TOKEN")
            .await;
        alice
            .get(&at)
            .token("nonsense")
            .fails(401, "M_UNKNOWN_TOKEN")
            .await;
        alice.get(&at).token("").malformed().reply().await;
    }
    // As a query parameter it is still taken.
    let at = v3(&["account", "whoami"]);
    let call = alice
        .get(&at)
        .anonymous()
        .query("access_token", alice.access_token())
        .malformed();
    assert_eq!(call.reply().await.status, 200);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_unrecognized() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    for at in [
        "/_matrix/client/v3/nothing",
        "/_matrix/client/v99/sync",
        "/_matrix/client/",
        "/_matrix/nothing",
        "/_matrix",
        "/_matrix/client/v3/sync/more",
    ] {
        refused(alice.get(at), 404, &["M_UNRECOGNIZED"], at).await;
        refused(alice.get(at).anonymous(), 404, &["M_UNRECOGNIZED"], at).await;
    }
    for (method, at) in [
        (Method::DELETE, v3(&["sync"])),
        (Method::POST, v3(&["sync"])),
        (Method::GET, v3(&["createRoom"])),
        (Method::PUT, v3(&["login"])),
        (Method::PATCH, v3(&["account", "whoami"])),
        (Method::POST, v3(&["profile", alice.id(), "displayname"])),
    ] {
        let what = format!("{method} {at}");
        refused(alice.call(method, &at), 405, &["M_UNRECOGNIZED"], &what).await;
    }
}

#[tokio::test]
async fn cross_origin_requests_are_let_in() {
    let server = TestServer::start().await;
    for at in [
        v3(&["sync"]),
        v3(&["createRoom"]),
        "/_matrix/client/versions".to_owned(),
    ] {
        let call = server.client().call(Method::OPTIONS, &at).unspecified();
        let reply = call.reply().await;
        assert!(
            reply.status == 200 || reply.status == 204,
            "{}",
            reply.status
        );
        let methods = reply.header("access-control-allow-methods");
        for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS"] {
            assert!(methods.contains(method), "{methods}");
        }
        let headers = reply.header("access-control-allow-headers").to_lowercase();
        for header in ["x-requested-with", "content-type", "authorization"] {
            assert!(headers.contains(header), "{headers}");
        }
    }
}

#[tokio::test]
async fn too_deep_and_too_large_bodies_are_refused() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let at = |txn: &str| v3(&["rooms", &room, "send", "m.room.message", txn]);
    for depth in [300, 20_000] {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        let call = alice.call(Method::PUT, at("deep")).raw(JSON, deep);
        refused(
            call,
            400,
            &["M_BAD_JSON", "M_NOT_JSON"],
            &format!("depth {depth}"),
        )
        .await;
    }
    let huge = format!("{{\"body\":\"{}\"}}", "x".repeat(3_000_000));
    let call = alice.call(Method::PUT, at("huge")).raw(JSON, huge);
    refused(call, 413, &["M_TOO_LARGE"], "3 MB").await;
    let many: serde_json::Map<_, _> = (0..20_000).map(|n| (n.to_string(), json!(n))).collect();
    let call = alice
        .call(Method::PUT, at("many"))
        .json(Value::Object(many));
    refused(call, 413, &["M_TOO_LARGE"], "many keys").await;
    alice.say(&room, "unharmed").await;
    assert_eq!(
        alice.messages(&room, "b", None, 1).await["chunk"][0]["content"]["body"],
        "unharmed"
    );
}

#[tokio::test]
async fn identifiers_are_checked() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let codes = ["M_INVALID_PARAM", "M_BAD_JSON", "M_UNKNOWN"];
    let long = format!("@{}:example.org", "x".repeat(300));
    for bad in ["nobody", "@", "@:", "@a", "#a:b", &long] {
        let call = alice.invite(&room, bad);
        refused(call, 400, &codes, bad).await;
        let call = alice.get(v3(&["profile", bad]));
        refused(call, 400, &codes, bad).await;
    }
    for bad in ["room", "@a:b", "$x", "", "!"] {
        let reply = alice
            .get(v3(&["rooms", bad, "state"]))
            .malformed()
            .reply()
            .await;
        assert!(
            (400..405).contains(&reply.status),
            "{bad:?}: {}",
            reply.json()
        );
    }
    for bad in ["%FF", "%00", "%"] {
        let at = format!("/_matrix/client/v3/rooms/{bad}/state");
        let reply = alice.get(at).malformed().reply().await;
        assert!(
            (400..405).contains(&reply.status),
            "{bad}: {}",
            reply.json()
        );
    }
    let name = path(
        "/_matrix/client/v3",
        &["rooms", &room, "state", "m.room.name", "\u{0}"],
    );
    let reply = alice
        .put(name, json!({"name": "x"}))
        .malformed()
        .reply()
        .await;
    assert!(
        (400..405).contains(&reply.status),
        "a zero byte in a key: {}",
        reply.json()
    );
}
