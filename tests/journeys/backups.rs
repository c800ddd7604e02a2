//! Backups of room keys.

use causeway_testkit::{Call, TestClient, TestServer, v3};
use reqwest::Method;
use serde_json::{Value, json};

const ALGORITHM: &str = "m.megolm_backup.v1.curve25519-aes-sha2";
const ROOM: &str = "!room:localhost";

async fn create(who: &TestClient) -> String {
    let body = json!({"algorithm": ALGORITHM, "auth_data": {"public_key": "abc"}});
    let answer = who.post(v3(&["room_keys", "version"]), body).await;
    answer["version"].as_str().expect("a version").to_owned()
}

fn key(index: u32, forwarded: u32, verified: bool) -> Value {
    json!({
        "first_message_index": index, "forwarded_count": forwarded, "is_verified": verified,
        "session_data": {"ciphertext": format!("{index} {forwarded} {verified}"), "mac": "m", "ephemeral": "e"},
    })
}

#[track_caller]
fn call(who: &TestClient, method: Method, below: &[&str], version: &str) -> Call {
    let path = [&["room_keys", "keys"], below].concat();
    who.call(method, v3(&path)).query("version", version)
}

async fn put(who: &TestClient, version: &str, session: &str, key: Value) -> Value {
    call(who, Method::PUT, &[ROOM, session], version)
        .json(key)
        .await
}

async fn get(who: &TestClient, version: &str, session: &str) -> Value {
    call(who, Method::GET, &[ROOM, session], version).await
}

#[tokio::test]
async fn versions_are_made_changed_and_deleted() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let current = v3(&["room_keys", "version"]);
    alice.get(&current).fails(404, "M_NOT_FOUND").await;
    let one = create(&alice).await;
    let info = alice.get(&current).await;
    assert_eq!(info["version"], one);
    assert_eq!(info["algorithm"], ALGORITHM);
    assert_eq!(info["auth_data"], json!({"public_key": "abc"}));
    assert_eq!(info["count"], 0);
    let two = create(&alice).await;
    assert_ne!(one, two);
    assert_eq!(alice.get(&current).await["version"], two);
    let path = |version: &str| v3(&["room_keys", "version", version]);
    assert_eq!(alice.get(path(&one)).await["version"], one);
    bob.get(path(&one)).fails(404, "M_NOT_FOUND").await;

    let body = |algorithm: &str, more: Value| {
        let mut body = json!({"algorithm": algorithm, "auth_data": {"public_key": "def"}});
        for (field, value) in more.as_object().into_iter().flatten() {
            body[field] = value.clone();
        }
        body
    };
    alice.put(path(&two), body(ALGORITHM, json!({}))).await;
    alice
        .put(path(&two), body(ALGORITHM, json!({"version": two})))
        .await;
    assert_eq!(alice.get(&current).await["auth_data"]["public_key"], "def");
    let wrong = alice.put(path(&two), body(ALGORITHM, json!({"version": one})));
    wrong.fails(400, "M_INVALID_PARAM").await;
    let wrong = alice.put(path(&two), body("other", json!({}))).malformed();
    wrong.fails(400, "M_INVALID_PARAM").await;
    for unknown in ["99", "bogus", "-1", "+1", "99999999999999999999"] {
        alice.get(path(unknown)).fails(404, "M_NOT_FOUND").await;
        let call = alice.put(path(unknown), body(ALGORITHM, json!({})));
        call.fails(404, "M_NOT_FOUND").await;
        alice.delete(path(unknown)).fails(404, "M_NOT_FOUND").await;
    }

    alice.delete(path(&two)).await;
    alice.delete(path(&two)).await;
    alice.get(path(&two)).fails(404, "M_NOT_FOUND").await;
    assert_eq!(alice.get(&current).await["version"], one);
    let three = create(&alice).await;
    assert_ne!(three, two, "a version is not given twice");
}

#[tokio::test]
async fn the_better_key_stays() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let version = create(&alice).await;
    let first = put(&alice, &version, "s", key(5, 2, false)).await;
    assert_eq!(first["count"], 1);
    // (what comes, whether it is better than what is there)
    let steps = [
        (key(5, 2, false), false),
        (key(6, 0, false), false),
        (key(5, 3, false), false),
        (key(5, 1, false), true),
        (key(4, 9, false), true),
        (key(9, 9, true), true),
        (key(0, 0, false), false),
        (key(9, 8, true), true),
        (key(8, 9, true), true),
    ];
    let mut etag = first["etag"].clone();
    let mut standing = key(5, 2, false);
    for (next, is_better) in steps {
        let answer = put(&alice, &version, "s", next.clone()).await;
        assert_eq!(answer["count"], 1);
        assert_eq!(answer["etag"] != etag, is_better, "{standing} then {next}");
        etag = answer["etag"].clone();
        if is_better {
            standing = next;
        }
        assert_eq!(get(&alice, &version, "s").await, standing);
    }
}

#[tokio::test]
async fn keys_are_kept_by_room_and_session() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let version = create(&alice).await;
    let empty = call(&alice, Method::GET, &[], &version).await;
    assert_eq!(empty, json!({"rooms": {}}));
    let empty = call(&alice, Method::GET, &[ROOM], &version).await;
    assert_eq!(empty, json!({"sessions": {}}));
    let none = call(&alice, Method::GET, &[ROOM, "s"], &version);
    none.fails(404, "M_NOT_FOUND").await;

    let rooms = json!({
        ROOM: {"sessions": {"a": key(1, 0, true), "b": key(2, 0, true)}},
        "!other:localhost": {"sessions": {"a": key(3, 0, true)}},
    });
    let all = call(&alice, Method::PUT, &[], &version)
        .json(json!({"rooms": rooms}))
        .await;
    assert_eq!(all["count"], 3);
    let more = json!({"sessions": {"b": key(2, 0, true), "c/+": key(4, 0, true)}});
    let answer = call(&alice, Method::PUT, &[ROOM], &version)
        .json(more)
        .await;
    assert_eq!(answer["count"], 4);
    assert_ne!(answer["etag"], all["etag"]);
    let info = alice.get(v3(&["room_keys", "version"])).await;
    assert_eq!(
        (&info["count"], &info["etag"]),
        (&json!(4), &answer["etag"])
    );

    let found = call(&alice, Method::GET, &[], &version).await;
    assert_eq!(found["rooms"][ROOM]["sessions"]["c/+"], key(4, 0, true));
    assert_eq!(
        found["rooms"]["!other:localhost"]["sessions"]["a"],
        key(3, 0, true)
    );
    let found = call(&alice, Method::GET, &[ROOM], &version).await;
    assert_eq!(found["sessions"].as_object().expect("sessions").len(), 3);

    let gone = call(&alice, Method::DELETE, &[ROOM, "c/+"], &version).await;
    assert_eq!(gone["count"], 3);
    let again = call(&alice, Method::DELETE, &[ROOM, "c/+"], &version).await;
    assert_eq!(again, gone, "nothing changed");
    let gone = call(&alice, Method::DELETE, &[ROOM], &version).await;
    assert_eq!(gone["count"], 1);
    let gone = call(&alice, Method::DELETE, &[], &version).await;
    assert_eq!(gone["count"], 0);
    let empty = call(&alice, Method::GET, &[], &version).await;
    assert_eq!(empty, json!({"rooms": {}}));
}

#[tokio::test]
async fn keys_go_to_the_current_version_only() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let old = create(&alice).await;
    put(&alice, &old, "s", key(1, 0, true)).await;
    let current = create(&alice).await;
    let bodies = [
        (
            vec![],
            json!({"rooms": {ROOM: {"sessions": {"s": key(0, 0, true)}}}}),
        ),
        (vec![ROOM], json!({"sessions": {"s": key(0, 0, true)}})),
        (vec![ROOM, "s"], key(0, 0, true)),
    ];
    for (below, body) in bodies {
        let refused = call(&alice, Method::PUT, &below, &old).json(body.clone());
        let error = refused.fails(403, "M_WRONG_ROOM_KEYS_VERSION").await;
        assert_eq!(error["current_version"], current);
        let unknown = call(&alice, Method::PUT, &below, "77").json(body);
        unknown.malformed().fails(404, "M_NOT_FOUND").await;
        for method in [Method::GET, Method::DELETE] {
            let unknown = call(&alice, method, &below, "bogus");
            unknown.fails(404, "M_NOT_FOUND").await;
        }
    }
    // The old one can still be read.
    assert_eq!(get(&alice, &old, "s").await, key(1, 0, true));
    alice.delete(v3(&["room_keys", "version", &old])).await;
    let gone = call(&alice, Method::GET, &[ROOM, "s"], &old);
    gone.fails(404, "M_NOT_FOUND").await;
}

#[tokio::test]
async fn wrong_backups_are_refused() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let version = create(&alice).await;
    let path = v3(&["room_keys", "version"]);
    for body in [
        json!({}),
        json!({"algorithm": 1, "auth_data": {}}),
        json!({"algorithm": "x"}),
    ] {
        alice
            .post(&path, body)
            .malformed()
            .fails(400, "M_BAD_JSON")
            .await;
    }
    let large = json!({"algorithm": ALGORITHM, "auth_data": {"x": "y".repeat(70_000)}});
    alice
        .post(&path, large)
        .malformed()
        .fails(413, "M_TOO_LARGE")
        .await;
    let broken = |field: &str, value: Value| {
        let mut key = key(1, 1, true);
        key[field] = value;
        key
    };
    let wrong = [
        broken("first_message_index", json!(-1)),
        broken("first_message_index", json!("1")),
        broken("forwarded_count", json!(1.5)),
        broken("is_verified", json!("yes")),
        json!({}),
    ];
    for body in wrong {
        let call = call(&alice, Method::PUT, &[ROOM, "s"], &version).json(body);
        call.malformed().fails(400, "M_BAD_JSON").await;
    }
    let large = broken("session_data", json!({"x": "y".repeat(70_000)}));
    let refused = call(&alice, Method::PUT, &[ROOM, "s"], &version).json(large);
    refused.malformed().fails(413, "M_TOO_LARGE").await;
    let long = "x".repeat(256);
    let refused = call(&alice, Method::PUT, &[ROOM, &long], &version).json(key(1, 1, true));
    refused.malformed().fails(413, "M_TOO_LARGE").await;
    let unversioned = alice.get(v3(&["room_keys", "keys"])).malformed();
    unversioned.fails(400, "M_MISSING_PARAM").await;
    let nobody = call(&alice, Method::GET, &[], &version).anonymous();
    nobody.fails(401, "M_MISSING_TOKEN").await;
}

#[tokio::test]
async fn writers_at_the_same_time_are_all_counted() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let version = create(&alice).await;
    let puts = (0..30).map(|number| {
        let (alice, version) = (alice.clone(), version.clone());
        async move {
            put(
                &alice,
                &version,
                &format!("s{}", number % 20),
                key(number, 0, true),
            )
            .await
        }
    });
    futures::future::join_all(puts).await;
    let info = alice.get(v3(&["room_keys", "version"])).await;
    assert_eq!(info["count"], 20);
    let created = futures::future::join_all((0..8).map(|_| create(&alice))).await;
    let different: std::collections::BTreeSet<_> = created.iter().collect();
    assert_eq!(different.len(), 8);
}
