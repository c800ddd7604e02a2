//! Whose devices have to be looked up again, and whose no more.

use std::collections::BTreeSet;

use causeway_testkit::reader::Reader;
use causeway_testkit::{TestClient, TestServer, v3};
use serde_json::{Value, json};

use crate::signer::Signer;

async fn publish(who: &TestClient) {
    let signer = Signer::of_device(who.device_id());
    let body = json!({"device_keys": signer.as_device(who)});
    who.post(v3(&["keys", "upload"]), body).await;
}

fn listed(lists: &Value, section: &str) -> BTreeSet<String> {
    let users = lists[section].as_array().cloned().unwrap_or_default();
    let users = users
        .iter()
        .map(|user| user.as_str().expect("a user").to_owned());
    users.collect()
}

fn set(users: &[&TestClient]) -> BTreeSet<String> {
    users.iter().map(|user| user.id().to_owned()).collect()
}

/// What one round of sync, `/keys/changes` for the same time, and a sync out of the database say:
/// all three must say it.
async fn expect(reader: &mut Reader, changed: &[&TestClient], left: &[&TestClient]) {
    let from = reader.token().expect("a token").to_owned();
    let sync = reader.now().await;
    let to = reader.token().expect("a token").to_owned();
    let lists = &sync["device_lists"];
    assert_eq!(listed(lists, "changed"), set(changed), "changed: {sync}");
    assert_eq!(listed(lists, "left"), set(left), "left: {sync}");
    let path = v3(&["keys", "changes"]);
    let call = reader
        .client()
        .get(path)
        .query("from", &from)
        .query("to", to);
    let lists = call.await;
    assert_eq!(listed(&lists, "changed"), set(changed), "changed: {lists}");
    assert_eq!(listed(&lists, "left"), set(left), "left: {lists}");
}

#[tokio::test]
async fn keys_and_logins_are_told_to_those_who_share_a_room() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let stranger = server.user("stranger").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    let mut reader = bob.caught_up().await;
    let mut outside = stranger.caught_up().await;
    let mut own = alice.caught_up().await;

    publish(&alice).await;
    expect(&mut reader, &[&alice], &[]).await;
    expect(&mut own, &[&alice], &[]).await;
    expect(&mut outside, &[], &[]).await;
    // The same keys again are no news.
    expect(&mut reader, &[], &[]).await;
    alice.say(&room, "hello").await;
    expect(&mut reader, &[], &[]).await;

    let phone = server.client().login("alice").await;
    expect(&mut reader, &[&alice], &[]).await;
    publish(&phone).await;
    expect(&mut reader, &[&alice], &[]).await;
    let path = v3(&["devices", phone.device_id()]);
    alice.put(path, json!({"display_name": "Phone"})).await;
    expect(&mut reader, &[&alice], &[]).await;
    phone.post(v3(&["logout"]), json!({})).await;
    expect(&mut reader, &[&alice], &[]).await;
    expect(&mut own, &[&alice], &[]).await;

    // A stranger's devices are no business of his.
    publish(&stranger).await;
    expect(&mut reader, &[], &[]).await;
}

#[tokio::test]
async fn who_comes_and_goes_is_told() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let carol = server.user("carol").await;
    let one = alice.create_public_room().await;
    let two = alice.create_public_room().await;
    let mut reader = alice.caught_up().await;
    bob.join(&one).await;
    expect(&mut reader, &[&bob], &[]).await;
    carol.join(&one).await;
    carol.join(&two).await;
    expect(&mut reader, &[&carol], &[]).await;
    // She still shares a room with her.
    carol.leave(&one).await;
    expect(&mut reader, &[], &[]).await;
    carol.leave(&two).await;
    expect(&mut reader, &[], &[&carol]).await;
    // Whoever has gone changes keys unheard, and is looked up again on their return.
    publish(&carol).await;
    expect(&mut reader, &[], &[]).await;
    carol.join(&one).await;
    expect(&mut reader, &[&carol], &[]).await;
    alice.kick(&one, carol.id()).await;
    expect(&mut reader, &[], &[&carol]).await;

    // The reader's own coming and going.
    let mut his = bob.caught_up().await;
    let other = carol.create_public_room().await;
    bob.join(&other).await;
    expect(&mut his, &[&bob, &carol], &[]).await;
    bob.leave(&other).await;
    expect(&mut his, &[], &[&carol]).await;
    bob.leave(&one).await;
    expect(&mut his, &[], &[&alice]).await;
}

#[tokio::test]
async fn who_changed_keys_and_left_is_told_as_left() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    let mut reader = alice.caught_up().await;
    let start = reader.token().expect("a token").to_owned();
    publish(&bob).await;
    bob.leave(&room).await;
    expect(&mut reader, &[], &[&bob]).await;
    // And came back, between two syncs.
    bob.join(&room).await;
    reader.set_token(&start);
    let sync = reader.now().await;
    assert_eq!(listed(&sync["device_lists"], "changed"), set(&[&bob]));
    assert_eq!(listed(&sync["device_lists"], "left"), set(&[]));
}

#[tokio::test]
async fn an_initial_sync_has_no_device_lists() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    publish(&bob).await;
    let sync = alice.reader().now().await;
    assert!(sync["device_lists"].is_null(), "{sync}");
}

#[tokio::test]
async fn wrong_tokens_are_refused() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let reader = alice.caught_up().await;
    let token = reader.token().expect("a token");
    let path = v3(&["keys", "changes"]);
    let call = |from: &str, to: &str| alice.get(&path).query("from", from).query("to", to);
    call(token, token).await;
    call("x", token).fails(400, "M_INVALID_PARAM").await;
    call(token, "s-1_2").fails(400, "M_INVALID_PARAM").await;
    let missing = alice.get(&path).query("from", token).malformed();
    missing.fails(400, "M_MISSING_PARAM").await;
}
