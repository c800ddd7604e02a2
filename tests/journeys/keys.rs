//! Keys of devices: published, looked up, and given out once.

use std::collections::BTreeSet;

use causeway_testkit::{TestClient, TestServer, v3};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::signer::Signer;

const ALGORITHM: &str = "signed_curve25519";

/// Publishes the identity keys of a device.
async fn publish(who: &TestClient) -> Signer {
    let signer = Signer::of_device(who.device_id());
    let body = json!({"device_keys": signer.as_device(who)});
    who.post(v3(&["keys", "upload"]), body).await;
    signer
}

/// Keys of these names, to be uploaded.
fn keys(names: impl IntoIterator<Item = String>) -> Value {
    let keys = names.into_iter().map(|name| {
        let key = json!({"key": format!("key {name}"), "signatures": {}});
        (format!("{ALGORITHM}:{name}"), key)
    });
    Value::Object(keys.collect())
}

async fn upload(who: &TestClient, names: impl IntoIterator<Item = String>) -> Value {
    let body = json!({"one_time_keys": keys(names)});
    who.post(v3(&["keys", "upload"]), body).await
}

/// Claims a key of a device; its name, if there was one.
async fn claim(who: &TestClient, of: &TestClient) -> Option<String> {
    let body = json!({"one_time_keys": {of.id(): {of.device_id(): ALGORITHM}}});
    let answer = who.post(v3(&["keys", "claim"]), body).await;
    let found = answer["one_time_keys"][of.id()][of.device_id()].as_object();
    let (name, key) = found?.iter().next()?;
    let id = name
        .strip_prefix("signed_curve25519:")
        .expect("the algorithm");
    assert_eq!(key["key"], format!("key {id}"));
    Some(id.to_owned())
}

async fn query(who: &TestClient, of: &str, devices: Value) -> Value {
    let body = json!({"device_keys": {of: devices}});
    who.post(v3(&["keys", "query"]), body).await
}

#[tokio::test]
async fn device_keys_are_found_by_others() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let none = query(&bob, alice.id(), json!([])).await;
    assert_eq!(none["device_keys"][alice.id()], json!({}), "{none}");
    publish(&alice).await;
    let phone = server.client().login("alice").await;
    let signer = publish(&phone).await;

    let found = query(&bob, alice.id(), json!([])).await;
    let devices = found["device_keys"][alice.id()]
        .as_object()
        .expect("devices");
    assert_eq!(devices.len(), 2);
    let mut device = devices[phone.device_id()].clone();
    assert_eq!(device["unsigned"], json!({}));
    device
        .as_object_mut()
        .expect("an object")
        .remove("unsigned");
    assert_eq!(device, signer.as_device(&phone));
    assert_eq!(found["failures"], json!({}));

    let path = v3(&["devices", phone.device_id()]);
    phone.put(path, json!({"display_name": "Phone"})).await;
    let found = query(&bob, alice.id(), json!([phone.device_id(), "UNKNOWN"])).await;
    let devices = &found["device_keys"][alice.id()];
    assert_eq!(devices.as_object().expect("devices").len(), 1);
    let unsigned = &devices[phone.device_id()]["unsigned"];
    assert_eq!(*unsigned, json!({"device_display_name": "Phone"}));

    let stranger = query(&bob, "@x:elsewhere.example", json!([])).await;
    assert_eq!(stranger["device_keys"], json!({}));
    assert!(stranger["failures"]["elsewhere.example"].is_object());

    phone.post(v3(&["logout"]), json!({})).await;
    let found = query(&bob, alice.id(), json!([])).await;
    let devices = found["device_keys"][alice.id()]
        .as_object()
        .expect("devices");
    assert_eq!(devices.keys().collect::<Vec<_>>(), [alice.device_id()]);
}

#[tokio::test]
async fn wrong_keys_are_refused() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let good = Signer::of_device(alice.device_id()).as_device(&alice);
    let changed = |field: &str, value: Value| {
        let mut keys = good.clone();
        keys[field] = value;
        json!({"device_keys": keys})
    };
    let path = v3(&["keys", "upload"]);
    let wrong = [
        changed("user_id", json!("@bob:localhost")),
        changed("device_id", json!("OTHER")),
        changed("algorithms", json!("m.olm")),
        changed("algorithms", json!([1])),
        changed("keys", json!({"ed25519:X": 1})),
        changed("signatures", json!({"@a:b": {"x": 1}})),
        changed("extra", json!(1.5)),
        json!({"device_keys": {}}),
        json!({"device_keys": "text"}),
        json!({"one_time_keys": {"nameless": "key"}}),
        json!({"one_time_keys": {":x": "key"}}),
        json!({"one_time_keys": {"x:": "key"}}),
        json!({"one_time_keys": {"a:b\u{0}": "key"}}),
        json!({"one_time_keys": {"a:b": 1}}),
        json!({"one_time_keys": {"a:b": {"key": "x"}}}),
        json!({"one_time_keys": []}),
        json!({"fallback_keys": {"a:b": {"signatures": {}}}}),
    ];
    for body in wrong {
        alice
            .post(&path, body)
            .malformed()
            .fails(400, "M_BAD_JSON")
            .await;
    }
    let too_large = json!({"one_time_keys": {"a:b": "x".repeat(9_000)}});
    alice.post(&path, too_large).fails(413, "M_TOO_LARGE").await;
    let too_many = json!({"one_time_keys": keys((0..1_001).map(|n| n.to_string()))});
    alice.post(&path, too_many).fails(413, "M_TOO_LARGE").await;
    let huge = changed("extra", json!("x".repeat(70_000)));
    alice.post(&path, huge).fails(413, "M_TOO_LARGE").await;
    alice
        .post(&path, json!({}))
        .anonymous()
        .fails(401, "M_MISSING_TOKEN")
        .await;
    // Nothing of all that was kept.
    let found = query(&alice, alice.id(), json!([])).await;
    assert_eq!(found["device_keys"][alice.id()], json!({}));
    let counts = alice.post(&path, json!({})).await;
    assert_eq!(counts["one_time_key_counts"], json!({ALGORITHM: 0}));

    for body in [
        json!({}),
        json!({"device_keys": {"alice": []}}),
        json!({"device_keys": 1}),
    ] {
        let call = alice.post(v3(&["keys", "query"]), body).malformed();
        call.fails(400, "M_BAD_JSON").await;
    }
    for body in [json!({}), json!({"one_time_keys": {"@a:b": "D"}})] {
        let call = alice.post(v3(&["keys", "claim"]), body).malformed();
        call.fails(400, "M_BAD_JSON").await;
    }
}

#[tokio::test]
async fn one_time_keys_come_in_the_order_of_their_uploads() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    // Names that sort against the order.
    let counts = upload(&alice, ["z1", "z2"].map(str::to_owned)).await;
    assert_eq!(counts["one_time_key_counts"], json!({ALGORITHM: 2}));
    let counts = upload(&alice, ["a1", "a2"].map(str::to_owned)).await;
    assert_eq!(counts["one_time_key_counts"], json!({ALGORITHM: 4}));
    let mut claimed = Vec::new();
    while let Some(key) = claim(&bob, &alice).await {
        claimed.push(key);
    }
    assert_eq!(claimed.len(), 4);
    claimed[..2].sort();
    claimed[2..].sort();
    assert_eq!(claimed, ["z1", "z2", "a1", "a2"]);
    // A client whose answer was lost uploads again: what was given out does not come back.
    upload(&alice, ["z1", "a1"].map(str::to_owned)).await;
    assert_eq!(claim(&bob, &alice).await, None);
}

#[tokio::test]
async fn a_key_is_not_changed_under_its_name() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    upload(&alice, ["k".to_owned()]).await;
    upload(&alice, ["k".to_owned()]).await;
    let path = v3(&["keys", "upload"]);
    let key = |key: &str, signature: &str| {
        let signatures = json!({alice.id(): {"ed25519:X": signature}});
        json!({"one_time_keys": {"signed_curve25519:k": {"key": key, "signatures": signatures}}})
    };
    // Another signature of the same key is not another key.
    alice.post(&path, key("key k", "other")).await;
    alice
        .post(&path, key("other", "x"))
        .fails(400, "M_UNKNOWN")
        .await;
    let counts = alice.post(&path, json!({})).await;
    assert_eq!(counts["one_time_key_counts"][ALGORITHM], 1);
}

#[tokio::test]
async fn no_key_is_given_to_two() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    const KEYS: usize = 60;
    upload(&alice, (0..KEYS).map(|number| number.to_string())).await;
    // More claims than keys, all at the same time.
    let claims = (0..KEYS + 20).map(|_| claim(&bob, &alice));
    let claimed: Vec<String> = join_all(claims).await.into_iter().flatten().collect();
    let different: BTreeSet<&String> = claimed.iter().collect();
    assert_eq!(different.len(), claimed.len(), "a key was given out twice");
    assert_eq!(claimed.len(), KEYS, "a key was lost");
}

#[tokio::test]
async fn the_fallback_key_serves_when_nothing_is_left() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let path = v3(&["keys", "upload"]);
    let fallback = |name: &str| json!({"fallback_keys": keys([name.to_owned()])});
    let unused = async |who: &TestClient| {
        let sync = who.reader().now().await;
        sync["device_unused_fallback_key_types"].clone()
    };
    alice.post(&path, fallback("f1")).await;
    upload(&alice, ["k".to_owned()]).await;
    assert_eq!(unused(&alice).await, json!([ALGORITHM]));
    assert_eq!(claim(&bob, &alice).await.as_deref(), Some("k"));
    assert_eq!(unused(&alice).await, json!([ALGORITHM]));
    for _ in 0..3 {
        assert_eq!(claim(&bob, &alice).await.as_deref(), Some("f1"));
    }
    assert_eq!(unused(&alice).await, json!([]));
    // The same key again stays used.
    alice.post(&path, fallback("f1")).await;
    assert_eq!(unused(&alice).await, json!([]));
    alice.post(&path, fallback("f2")).await;
    assert_eq!(unused(&alice).await, json!([ALGORITHM]));
    let claims = (0..8).map(|_| claim(&bob, &alice));
    assert!(
        join_all(claims)
            .await
            .iter()
            .all(|key| key.as_deref() == Some("f2"))
    );
    assert_eq!(unused(&alice).await, json!([]));
}

#[tokio::test]
async fn what_cannot_be_claimed_is_missing() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    upload(&bob, ["k".to_owned()]).await;
    let wanted = json!({
        bob.id(): {bob.device_id(): "curve25519", "UNKNOWN": ALGORITHM},
        "@nobody:localhost": {"X": ALGORITHM},
        "@x:elsewhere.example": {"X": ALGORITHM},
    });
    let path = v3(&["keys", "claim"]);
    let answer = alice.post(&path, json!({"one_time_keys": wanted})).await;
    assert_eq!(answer["one_time_keys"], json!({}), "{answer}");
    assert!(answer["failures"]["elsewhere.example"].is_object());
    let nothing = alice.post(&path, json!({"one_time_keys": {}})).await;
    assert_eq!(nothing, json!({"one_time_keys": {}, "failures": {}}));
    assert_eq!(claim(&alice, &bob).await.as_deref(), Some("k"));
}

#[tokio::test]
async fn a_device_hears_how_many_keys_are_left() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let counts = |sync: &Value| sync["device_one_time_keys_count"][ALGORITHM].clone();
    let mut reader = alice.reader();
    assert_eq!(counts(&reader.now().await), 0);
    upload(&alice, ["1", "2", "3"].map(str::to_owned)).await;
    assert_eq!(counts(&reader.now().await), 3);
    claim(&bob, &alice).await;
    assert_eq!(counts(&reader.now().await), 2);
    // Another device of hers has none.
    let phone = server.client().login("alice").await;
    assert_eq!(counts(&phone.reader().now().await), 0);
    claim(&bob, &alice).await;
    reader.now().await;
    // Who waits is told when nothing is left.
    let waiting = reader.round(20_000);
    let last = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        claim(&bob, &alice).await
    };
    let start = std::time::Instant::now();
    let (sync, _) = tokio::join!(waiting, last);
    assert_eq!(counts(&sync), 0);
    assert!(start.elapsed().as_secs() < 10, "the device was not told");
    // After a restart it is counted anew.
    upload(&alice, ["4".to_owned()]).await;
    let mut server = server;
    server.stop().await;
    server.restart().await;
    assert_eq!(counts(&reader.now().await), 1);
}
