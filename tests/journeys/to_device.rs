//! Messages from device to device: each arrives once.

use causeway_testkit::reader::{Reader, events};
use causeway_testkit::{TestClient, TestServer, v3};
use futures::future::join_all;
use serde_json::{Value, json};

async fn send(who: &TestClient, txn: &str, messages: Value) {
    let path = v3(&["sendToDevice", "org.example.ping", txn]);
    who.put(path, json!({"messages": messages})).await;
}

fn numbers(sync: &Value) -> Vec<u64> {
    let events = events(&sync["to_device"]);
    let number = |event: &Value| event["content"]["n"].as_u64().expect("a number");
    events.iter().map(number).collect()
}

async fn all(reader: &mut Reader) -> Vec<u64> {
    let mut heard = Vec::new();
    loop {
        let sync = reader.now().await;
        let new = numbers(&sync);
        assert!(new.len() <= 100, "{} in one answer", new.len());
        if new.is_empty() {
            return heard;
        }
        heard.extend(new);
    }
}

#[tokio::test]
async fn messages_stay_until_the_next_token_proves_that_they_arrived() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let mut reader = bob.caught_up().await;
    let start = reader.token().expect("a token").to_owned();
    send(&alice, "1", json!({bob.id(): {bob.device_id(): {"n": 1}}})).await;
    // The answer is lost, once and again: the same token brings the message each time.
    for _ in 0..3 {
        reader.set_token(&start);
        assert_eq!(numbers(&reader.now().await), [1]);
    }
    // An initial sync brings it too, until a token says that it is known.
    assert_eq!(numbers(&bob.reader().now().await), [1]);
    assert_eq!(numbers(&reader.now().await), Vec::<u64>::new());
    reader.set_token(&start);
    assert_eq!(
        numbers(&reader.now().await),
        Vec::<u64>::new(),
        "it was deleted"
    );
    assert_eq!(numbers(&bob.reader().now().await), Vec::<u64>::new());
}

#[tokio::test]
async fn messages_survive_a_restart() {
    let mut server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let mut reader = bob.caught_up().await;
    send(&alice, "1", json!({bob.id(): {"*": {"n": 1}}})).await;
    server.stop().await;
    server.restart().await;
    // The transaction is remembered, too.
    send(&alice, "1", json!({bob.id(): {"*": {"n": 2}}})).await;
    assert_eq!(all(&mut reader).await, [1]);
}

#[tokio::test]
async fn a_long_queue_comes_in_parts() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let mut online = bob.caught_up().await;
    let laptop = server.client().login("bob").await;
    for n in 0..250 {
        send(&alice, &format!("t{n}"), json!({bob.id(): {"*": {"n": n}}})).await;
    }
    let expected: Vec<u64> = (0..250).collect();
    assert_eq!(all(&mut online).await, expected);
    // A device that was never there before.
    let mut late = laptop.reader();
    let first = numbers(&late.now().await);
    assert_eq!(first, expected[..100]);
    let token = late.token().expect("a token").to_owned();
    let second = numbers(&late.now().await);
    assert_eq!(second, expected[100..200]);
    // The second part again, and new messages queue up behind the old.
    late.set_token(&token);
    send(
        &alice,
        "last",
        json!({bob.id(): {laptop.device_id(): {"n": 250}}}),
    )
    .await;
    let rest = all(&mut late).await;
    assert_eq!(rest, (100..251).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_transaction_sent_many_times_at_once_arrives_once() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let mut reader = bob.caught_up().await;
    let sends = (0..24).map(|at| {
        let (alice, n) = (alice.clone(), at % 3);
        let messages = json!({bob.id(): {"*": {"n": n}}});
        async move { send(&alice, &format!("t{n}"), messages).await }
    });
    join_all(sends).await;
    let mut heard = all(&mut reader).await;
    heard.sort_unstable();
    assert_eq!(heard, [0, 1, 2]);
    // Transactions are the device's own.
    let phone = server.client().login("alice").await;
    send(&phone, "t0", json!({bob.id(): {"*": {"n": 9}}})).await;
    assert_eq!(all(&mut reader).await, [9]);
}

#[tokio::test]
async fn a_message_reaches_the_devices_it_names() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let phone = server.client().login("bob").await;
    let (mut a, mut b, mut p) = (
        alice.caught_up().await,
        bob.caught_up().await,
        phone.caught_up().await,
    );
    let messages = json!({
        bob.id(): {phone.device_id(): {"n": 1}, "UNKNOWN": {"n": 2}},
        alice.id(): {"*": {"n": 3}},
        "@nobody:localhost": {"*": {"n": 4}},
    });
    send(&alice, "1", messages).await;
    assert_eq!(all(&mut a).await, [3]);
    assert_eq!(all(&mut b).await, Vec::<u64>::new());
    assert_eq!(all(&mut p).await, [1]);
    // What waits for a device goes with it.
    send(&alice, "2", json!({bob.id(): {"*": {"n": 5}}})).await;
    let more = json!({"device_id": phone.device_id()});
    phone.post(v3(&["logout"]), json!({})).await;
    let password = causeway_testkit::account::PASSWORD;
    let answer = server.client().login_with("bob", password, more).await;
    let again = server.client().with_session(&answer);
    assert_eq!(all(&mut again.reader()).await, Vec::<u64>::new());
    assert_eq!(all(&mut b).await, [5]);
}

#[tokio::test]
async fn wrong_messages_are_refused() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let path = v3(&["sendToDevice", "m.x", "1"]);
    for body in [
        json!({}),
        json!({"messages": []}),
        json!({"messages": {"alice": {"*": {}}}}),
        json!({"messages": {alice.id(): {"*": "text"}}}),
    ] {
        alice
            .put(&path, body)
            .malformed()
            .fails(400, "M_BAD_JSON")
            .await;
    }
    let large = json!({"messages": {alice.id(): {"*": {"x": "y".repeat(70_000)}}}});
    alice.put(&path, large).fails(413, "M_TOO_LARGE").await;
    let path = v3(&["sendToDevice", &"x".repeat(256), "1"]);
    alice
        .put(path, json!({"messages": {}}))
        .fails(413, "M_TOO_LARGE")
        .await;
}
