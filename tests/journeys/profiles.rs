//! Profiles and the user directory.

use causeway_testkit::{ServerOptions, TestClient, TestServer, v3};
use serde_json::{Value, json};

fn field(who: &TestClient, name: &str) -> String {
    v3(&["profile", who.id(), name])
}

#[tokio::test]
async fn profiles_are_public_and_ones_own_to_change() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    alice
        .put(
            field(&alice, "displayname"),
            json!({"displayname": "Alice"}),
        )
        .await;
    alice
        .put(
            field(&alice, "avatar_url"),
            json!({"avatar_url": "mxc://a.b/c"}),
        )
        .await;
    let anonymous = server.client();
    let profile = anonymous.get(v3(&["profile", alice.id()])).await;
    assert_eq!(
        (&profile["displayname"], &profile["avatar_url"]),
        (&json!("Alice"), &json!("mxc://a.b/c"))
    );
    let name = bob.get(field(&alice, "displayname")).await;
    assert_eq!(name, json!({"displayname": "Alice"}));
    bob.put(
        field(&alice, "displayname"),
        json!({"displayname": "Mallory"}),
    )
    .fails(403, "M_FORBIDDEN")
    .await;
    alice.delete(field(&alice, "displayname")).await;
    let profile = bob.get(v3(&["profile", alice.id()])).await;
    assert!(
        profile.get("displayname").is_none_or(Value::is_null),
        "{profile}"
    );
    let nobody = server.user_id("nobody");
    bob.get(v3(&["profile", &nobody]))
        .fails(404, "M_NOT_FOUND")
        .await;
}

#[tokio::test]
async fn custom_fields_are_kept_and_limited() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    alice
        .put(field(&alice, "m.tz"), json!({"m.tz": "Europe/Berlin"}))
        .await;
    let pets = json!({"org.example.pets": ["cat", {"dog": 2}]});
    alice
        .put(field(&alice, "org.example.pets"), pets.clone())
        .await;
    assert_eq!(bob.get(field(&alice, "org.example.pets")).await, pets);
    let profile = bob.get(v3(&["profile", alice.id()])).await;
    assert_eq!(profile["m.tz"], "Europe/Berlin");
    assert_eq!(profile["org.example.pets"], pets["org.example.pets"]);
    alice.delete(field(&alice, "org.example.pets")).await;
    bob.get(field(&alice, "org.example.pets"))
        .fails(404, "M_NOT_FOUND")
        .await;

    let big = json!({"org.example.big": "x".repeat(70_000)});
    let reply = alice
        .put(field(&alice, "org.example.big"), big)
        .reply()
        .await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (400, "M_PROFILE_TOO_LARGE")
    );
    let long = format!("org.example.{}", "x".repeat(250));
    let reply = alice
        .put(field(&alice, &long), json!({&long: 1}))
        .malformed()
        .reply()
        .await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (400, "M_KEY_TOO_LARGE")
    );
    let other = json!({"org.example.b": 1});
    let reply = alice
        .put(field(&alice, "org.example.a"), other)
        .malformed()
        .reply()
        .await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (400, "M_MISSING_PARAM")
    );
}

async fn search(who: &TestClient, term: &str, limit: usize) -> (Vec<String>, bool) {
    let body = json!({"search_term": term, "limit": limit});
    let answer = who.post(v3(&["user_directory", "search"]), body).await;
    let results = answer["results"].as_array().cloned().unwrap_or_default();
    let mut names: Vec<_> = results
        .iter()
        .filter_map(|r| r["user_id"].as_str())
        .map(str::to_owned)
        .collect();
    names.sort();
    (names, answer["limited"] == true)
}

#[tokio::test]
async fn the_directory_finds_those_one_may_know() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bobby").await;
    let carol = server.user("carol").await;
    let hidden = server.user("bobhidden").await;
    bob.put(
        field(&bob, "displayname"),
        json!({"displayname": "Robert Ünal"}),
    )
    .await;
    let public = alice.create_public_room().await;
    bob.join(&public).await;
    let private = alice
        .create_room(json!({"preset": "private_chat", "invite": [carol.id()]}))
        .await;
    carol.join(&private).await;

    assert_eq!(search(&alice, "bobby", 10).await.0, [bob.id()]);
    assert_eq!(search(&alice, "robert", 10).await.0, [bob.id()]);
    assert_eq!(search(&alice, "ünal", 10).await.0, [bob.id()]);
    assert_eq!(search(&alice, bob.id(), 10).await.0, [bob.id()]);
    assert_eq!(search(&alice, "carol", 10).await.0, [carol.id()]);
    // Bob and Carol share no room, and Carol is in no public one.
    assert!(search(&bob, "carol", 10).await.0.is_empty());
    assert!(
        !search(&alice, "bob", 10)
            .await
            .0
            .contains(&hidden.id().to_owned())
    );
    for number in 0..3 {
        server
            .user(&format!("bobclone{number}"))
            .await
            .join(&public)
            .await;
    }
    let (found, limited) = search(&alice, "bob", 2).await;
    assert_eq!((found.len(), limited), (2, true));
}

#[tokio::test]
async fn a_new_account_is_called_by_its_name() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let name = json!({"displayname": "alice"});
    assert_eq!(alice.get(field(&alice, "displayname")).await, name);
    alice
        .get(field(&alice, "avatar_url"))
        .fails(404, "M_NOT_FOUND")
        .await;
    let room = alice.create_public_room().await;
    let member = alice.membership(&room, alice.id()).await;
    assert_eq!(member["displayname"], "alice");

    let options = ServerOptions::default().set("registration.name_from_localpart", "false");
    let server = TestServer::start_with(options).await;
    let bob = server.user("bob").await;
    bob.get(field(&bob, "displayname"))
        .fails(404, "M_NOT_FOUND")
        .await;
}
