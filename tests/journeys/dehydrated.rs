//! Dehydrated devices (MSC3814).

use causeway_testkit::{Call, TestClient, TestServer, v3};
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device";
const ALGORITHM: &str = "signed_curve25519";

fn device(who: &TestClient, id: &str) -> Value {
    let key = json!({"key": "k", "signatures": {}});
    json!({
        "device_id": id,
        "initial_device_display_name": "Asleep",
        "device_data": {"algorithm": "m.dehydration.v2", "device_pickle": "p", "nonce": "n"},
        "device_keys": {
            "user_id": who.id(), "device_id": id, "dehydrated": true, "algorithms": [],
            "keys": {format!("ed25519:{id}"): "key"}, "signatures": {},
        },
        "one_time_keys": {format!("{ALGORITHM}:1"): key},
        "fallback_keys": {format!("{ALGORITHM}:2"): key},
    })
}

#[track_caller]
fn call(who: &TestClient, method: Method) -> Call {
    who.call(method, PATH).unspecified()
}

#[track_caller]
fn events(who: &TestClient, id: &str, body: Value) -> Call {
    who.post(format!("{PATH}/{id}/events"), body).unspecified()
}

/// The numbers in the messages of an answer.
fn heard(answer: &Value) -> Vec<u64> {
    let events = answer["events"].as_array().expect("events");
    let number = |event: &Value| event["content"]["n"].as_u64().expect("a number");
    events.iter().map(number).collect()
}

/// All that the device was told, asked for as clients do it.
async fn hear_all(who: &TestClient, id: &str) -> Vec<u64> {
    let mut all = Vec::new();
    let mut next = Value::Null;
    loop {
        let body = if next.is_null() {
            json!({})
        } else {
            json!({"next_batch": next})
        };
        let answer = events(who, id, body).await;
        next = answer["next_batch"].clone();
        assert!(next.is_string());
        if heard(&answer).is_empty() {
            return all;
        }
        all.extend(heard(&answer));
    }
}

#[tokio::test]
async fn a_device_sleeps_hears_and_goes() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let versions = alice.get("/_matrix/client/versions").await;
    assert_eq!(versions["unstable_features"]["org.matrix.msc3814"], true);
    call(&alice, Method::GET).fails(404, "M_NOT_FOUND").await;
    call(&alice, Method::DELETE).fails(404, "M_NOT_FOUND").await;
    events(&alice, "SLEEPER", json!({}))
        .fails(403, "M_FORBIDDEN")
        .await;

    let new = device(&alice, "SLEEPER");
    let answer = call(&alice, Method::PUT).json(new.clone()).await;
    assert_eq!(answer, json!({"device_id": "SLEEPER"}));
    let found = call(&alice, Method::GET).await;
    assert_eq!(found["device_id"], "SLEEPER");
    assert_eq!(found["device_data"], new["device_data"]);

    // It is a device like any other to those who write to it.
    let body = json!({"device_keys": {alice.id(): []}});
    let seen = bob.post(v3(&["keys", "query"]), body).await;
    let keys = &seen["device_keys"][alice.id()]["SLEEPER"];
    assert_eq!(keys["dehydrated"], true);
    assert_eq!(keys["unsigned"]["device_display_name"], "Asleep");
    let body = json!({"one_time_keys": {alice.id(): {"SLEEPER": ALGORITHM}}});
    for name in ["1", "2", "2"] {
        let claimed = bob.post(v3(&["keys", "claim"]), body.clone()).await;
        let claimed = &claimed["one_time_keys"][alice.id()]["SLEEPER"];
        assert!(
            claimed[format!("{ALGORITHM}:{name}")].is_object(),
            "{claimed}"
        );
    }
    for number in 0..150 {
        let messages = json!({"messages": {alice.id(): {"SLEEPER": {"n": number}}}});
        let path = v3(&["sendToDevice", "org.example.ping", &format!("t{number}")]);
        bob.put(path, messages).await;
    }

    // Twice: what was fetched is not gone, another device may have to begin again.
    for _ in 0..2 {
        assert_eq!(
            hear_all(&alice, "SLEEPER").await,
            (0..150).collect::<Vec<u64>>()
        );
    }
    // The way of newer versions of the proposal.
    let path = format!("{PATH}/SLEEPER/events");
    let first = alice.get(&path).unspecified().await;
    let next = first["next_batch"].as_str().expect("more");
    let second = alice.get(&path).query("from", next).unspecified().await;
    assert!(second["next_batch"].is_null());
    assert_eq!(heard(&first).len() + heard(&second).len(), 150);
    events(&bob, "SLEEPER", json!({}))
        .fails(403, "M_FORBIDDEN")
        .await;
    let wrong = events(&alice, "SLEEPER", json!({"next_batch": "x"}));
    wrong.fails(400, "M_INVALID_PARAM").await;

    let answer = call(&alice, Method::DELETE).await;
    assert_eq!(answer, json!({"device_id": "SLEEPER"}));
    call(&alice, Method::GET).fails(404, "M_NOT_FOUND").await;
    let body = json!({"device_keys": {alice.id(): []}});
    let seen = bob.post(v3(&["keys", "query"]), body).await;
    assert_eq!(seen["device_keys"][alice.id()], json!({}));
}

#[tokio::test]
async fn a_new_one_takes_the_place_of_the_old() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    call(&alice, Method::PUT).json(device(&alice, "ONE")).await;
    let mut reader = bob.caught_up().await;
    call(&alice, Method::PUT).json(device(&alice, "TWO")).await;
    let sync = reader.now().await;
    assert_eq!(sync["device_lists"]["changed"], json!([alice.id()]));
    let listed = alice.get(v3(&["devices"])).await;
    let ids: Vec<&str> = listed["devices"]
        .as_array()
        .expect("devices")
        .iter()
        .filter_map(|device| device["device_id"].as_str())
        .collect();
    assert!(!ids.contains(&"ONE") && ids.contains(&"TWO"), "{ids:?}");
    assert_eq!(call(&alice, Method::GET).await["device_id"], "TWO");
    call(&alice, Method::PUT).json(device(&alice, "TWO")).await;

    // A device with a session is not put to sleep.
    let own = device(&alice, alice.device_id());
    let refused = call(&alice, Method::PUT).json(own);
    refused.fails(400, "M_INVALID_PARAM").await;
    alice.get(v3(&["account", "whoami"])).await;
    assert_eq!(
        call(&alice, Method::GET).await["device_id"],
        "TWO",
        "nothing changed"
    );

    let good = device(&alice, "THREE");
    for (field, value) in [
        ("device_keys", Value::Null),
        ("device_keys", json!({})),
        ("device_data", json!({})),
        ("device_data", json!("text")),
        ("one_time_keys", json!({"x": "y"})),
        ("device_id", json!(1)),
    ] {
        let mut wrong = good.clone();
        wrong[field] = value;
        let call = call(&alice, Method::PUT).json(wrong);
        call.fails(400, "M_BAD_JSON").await;
    }
    alice.post(v3(&["logout", "all"]), json!({})).await;
    let again = server.client().login("alice").await;
    call(&again, Method::GET).fails(404, "M_NOT_FOUND").await;
}
