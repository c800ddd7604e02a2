//! Rooms with a policy server, which is the one made by hand.

use std::time::Duration;

use causeway_testkit::remote::Heard;
use causeway_testkit::{RemoteKey, Said, TestClient, v3};
use serde_json::{Value, json};

use super::Pair;
use super::transactions::{Eve, VERSION, meet, send};

const SIGN: &str = "/_matrix/policy/v1/sign";
const KEY_ID: &str = "ed25519:policy_server";

fn key(pair: &Pair) -> RemoteKey {
    RemoteKey::new(pair.theirs.name(), "policy_server")
}

/// What the room is told of the policy server.
fn policy(pair: &Pair, key: &RemoteKey) -> Value {
    let public = key.document(1)["verify_keys"][KEY_ID]["key"].clone();
    json!({"via": pair.theirs.name(), "public_keys": {"ed25519": public}})
}

/// The signatures of an event as a policy server gives them.
fn signatures(name: &str, key: &RemoteKey, event: &Value) -> Value {
    let mut event = event.clone();
    event["signatures"] = json!({});
    let (_, signed) = key.event(VERSION, event);
    json!({name: signed["signatures"][name]})
}

/// Signs what is no spam from now on.
fn signs(pair: &Pair, key: &RemoteKey) {
    let (name, key) = (pair.theirs.name().to_owned(), key.clone());
    let post = "POST".parse().expect("a method");
    pair.theirs.on(post, SIGN, move |heard: &Heard| {
        if heard.body["content"].to_string().contains("spam") {
            let no = json!({"errcode": "M_FORBIDDEN", "error": "It looks like spam"});
            return Said::status(400, &no);
        }
        Said::json(&signatures(&name, &key, &heard.body))
    });
}

async fn asked(pair: &Pair) -> usize {
    let heard = pair.theirs.heard().await;
    heard.iter().filter(|heard| heard.path == SIGN).count()
}

fn say(alice: &TestClient, room: &str, text: &str) -> causeway_testkit::Call {
    let content = json!({"msgtype": "m.text", "body": text});
    alice.send_event(room, "m.room.message", content)
}

/// Alice's room with a policy server, and eve of that server in it.
async fn policed(pair: &Pair, key: &RemoteKey) -> (TestClient, Eve) {
    let (alice, eve) = meet(pair).await;
    let put = "PUT".parse().expect("a method");
    let path = "/_matrix/federation/v1/send/";
    pair.theirs
        .on(put, path, |_| Said::json(&json!({"pdus": {}})));
    let content = policy(pair, key);
    alice
        .set_state(&eve.room, "m.room.policy", "", content)
        .await;
    assert_eq!(asked(pair).await, 0, "it is not asked about itself");
    (alice, eve)
}

#[tokio::test]
async fn our_events_are_signed_before_anybody_sees_them() {
    let pair = Pair::start().await;
    let key = key(&pair);
    signs(&pair, &key);
    let (alice, eve) = policed(&pair, &key).await;
    let room = &*eve.room;
    let id = alice.say(room, "hello").await;
    assert_eq!(asked(&pair).await, 1);
    let sent = sent_to_them(&pair, "hello").await;
    assert!(sent["signatures"][pair.theirs.name()][KEY_ID].is_string());
    assert!(sent["signatures"][pair.ours.name()].is_object());
    assert_eq!(causeway_testkit::remote::event_id(VERSION, &sent), id);

    let refused = say(&alice, room, "spam").fails(400, "M_FORBIDDEN").await;
    assert_eq!(refused["error"], "It looks like spam");
    let name = json!({"name": "spam"});
    alice
        .set_state(room, "m.room.name", "", name)
        .fails(400, "M_FORBIDDEN")
        .await;
    alice
        .state(room, "m.room.name", "")
        .fails(404, "M_NOT_FOUND")
        .await;
    // Many at once, which all get their turn.
    let many = (0..10).map(|number| say(&alice, room, &format!("message {number}")).reply());
    for reply in futures::future::join_all(many).await {
        assert_eq!(reply.status, 200, "{}", reply.json());
    }
    let page = alice.messages(room, "b", None, 50).await;
    assert!(!page["chunk"].to_string().contains("spam"), "{page}");
    assert!(page["chunk"].to_string().contains("message 9"));
}

#[tokio::test]
async fn without_a_good_signature_nothing_is_sent() {
    let pair = Pair::start().await;
    let good = key(&pair);
    let (alice, eve) = policed(&pair, &good).await;
    let room = &*eve.room;
    // Nothing answers, or another key signs.
    signs(&pair, &key(&pair));
    let fails = async |text: &str| {
        let reply = say(&alice, room, text).unspecified().reply().await;
        assert_eq!(reply.status, 502, "{text}: {}", reply.json());
    };
    fails("signed wrongly").await;
    let post = "POST".parse().expect("a method");
    pair.theirs
        .on(post, SIGN, |_| Said::status(500, &json!({"oh": "no"})));
    fails("not signed").await;
    let before = asked(&pair).await;
    fails("not even asked").await;
    assert_eq!(asked(&pair).await, before, "it is left alone for a while");
    // Who may, turns it off without asking it.
    alice.set_state(room, "m.room.policy", "", json!({})).await;
    alice.say(room, "free").await;
    assert_eq!(asked(&pair).await, before);
    // A server that has nobody in the room does not count.
    let mut elsewhere = policy(&pair, &good);
    elsewhere["via"] = json!("localhost:1");
    alice.set_state(room, "m.room.policy", "", elsewhere).await;
    alice.say(room, "still free").await;
}

#[tokio::test]
async fn events_of_others_are_shown_with_a_signature_only() {
    let pair = Pair::start().await;
    let key = key(&pair);
    signs(&pair, &key);
    let (alice, mut eve) = policed(&pair, &key).await;
    let mut reader = alice.caught_up().await;
    let (asked_about, one) = eve.says(&pair, "one");
    send(&pair, "1", &[one], &[]).await;
    reader.until_event(&eve.room, &asked_about).await;
    assert_eq!(asked(&pair).await, 1);

    let (spam, event) = eve.says(&pair, "spam");
    let taken = send(&pair, "2", std::slice::from_ref(&event), &[]).await;
    assert_eq!(taken[&spam], json!({}), "taken, and shown to nobody");
    send(&pair, "3", &[event], &[]).await;
    assert_eq!(asked(&pair).await, 2, "not asked again at once");

    let stamped = |mut event: Value, key: &RemoteKey| {
        let name = pair.theirs.name();
        let given = signatures(name, key, &event);
        event["signatures"][name][KEY_ID] = given[name][KEY_ID].clone();
        event
    };
    let (signed, event) = eve.says(&pair, "signed already");
    send(&pair, "4", &[stamped(event, &key)], &[]).await;
    assert_eq!(asked(&pair).await, 2, "nothing to ask");
    let (wrong, event) = eve.says(&pair, "signed with an old key");
    let old = RemoteKey::new(pair.theirs.name(), "policy_server");
    send(&pair, "5", &[stamped(event, &old)], &[]).await;
    assert_eq!(asked(&pair).await, 3, "for a new signature");
    reader.until_event(&eve.room, &wrong).await;
    for (id, is_shown) in [(&signed, true), (&wrong, true), (&spam, false)] {
        let reply = alice.event(&eve.room, id).reply().await;
        assert_eq!(reply.status == 200, is_shown, "{id}");
    }
    let page = alice.get(v3(&["rooms", &eve.room, "messages"]));
    let page = page.query("dir", "b").await;
    assert!(!page["chunk"].to_string().contains("spam"), "{page}");
}

/// An event as it comes to the other server.
async fn sent_to_them(pair: &Pair, text: &str) -> Value {
    for _ in 0..200 {
        let heard = pair.theirs.heard().await;
        let pdus = heard
            .iter()
            .filter_map(|heard| heard.body["pdus"].as_array());
        let found = pdus.flatten().find(|pdu| pdu["content"]["body"] == text);
        if let Some(found) = found {
            return found.clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{text} does not arrive");
}
