//! Account data, tags and read state that belong to one user.

use causeway_testkit::reader::{events, joined, of_type};
use causeway_testkit::{TestClient, TestServer, v3};
use serde_json::{Value, json};

fn global(who: &TestClient, kind: &str) -> String {
    v3(&["user", who.id(), "account_data", kind])
}

fn of_room(who: &TestClient, room: &str, kind: &str) -> String {
    v3(&["user", who.id(), "rooms", room, "account_data", kind])
}

#[tokio::test]
async fn account_data_is_stored_and_synced() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let second = server.client().login("alice").await;
    let room = alice.create_public_room().await;
    let mut reader = second.caught_up().await;
    let kind = "org.example.colours";
    alice
        .get(global(&alice, kind))
        .fails(404, "M_NOT_FOUND")
        .await;
    alice
        .put(global(&alice, kind), json!({"sky": "blue"}))
        .await;
    assert_eq!(
        alice.get(global(&alice, kind)).await,
        json!({"sky": "blue"})
    );
    let sync = reader.until("the data", |s| {
        of_type(events(&s["account_data"]), kind).is_some()
    });
    let sync = sync.await;
    let event = of_type(events(&sync["account_data"]), kind).expect("the data");
    assert_eq!(event["content"]["sky"], "blue");

    alice
        .get(of_room(&alice, &room, kind))
        .fails(404, "M_NOT_FOUND")
        .await;
    alice
        .put(of_room(&alice, &room, kind), json!({"wall": "white"}))
        .await;
    assert_eq!(
        alice.get(of_room(&alice, &room, kind)).await["wall"],
        "white"
    );
    let shown = |s: &Value| of_type(events(&joined(s, &room)["account_data"]), kind).cloned();
    let sync = reader
        .until("the room's data", |s| shown(s).is_some())
        .await;
    assert_eq!(shown(&sync).expect("the data")["content"]["wall"], "white");

    // The last value stands in an initial sync, once.
    alice
        .put(global(&alice, kind), json!({"sky": "grey"}))
        .await;
    let whole = second.reader().now().await;
    let all = events(&whole["account_data"]);
    assert_eq!(all.iter().filter(|e| e["type"] == kind).count(), 1);
    assert_eq!(
        of_type(all, kind).expect("the data")["content"]["sky"],
        "grey"
    );
    assert!(shown(&whole).is_some());
}

#[tokio::test]
async fn what_belongs_to_others_or_the_server_is_refused() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    bob.put(global(&alice, "x.y"), json!({}))
        .fails(403, "M_FORBIDDEN")
        .await;
    bob.get(global(&alice, "x.y"))
        .fails(403, "M_FORBIDDEN")
        .await;
    let room = alice.create_public_room().await;
    for path in [
        global(&alice, "m.push_rules"),
        of_room(&alice, &room, "m.fully_read"),
    ] {
        let reply = alice.put(path, json!({})).reply().await;
        assert_eq!((reply.status, reply.code().as_str()), (405, "M_BAD_JSON"));
    }
    let bad = alice
        .put(global(&alice, "x.y"), json!([1]))
        .malformed()
        .reply()
        .await;
    assert_eq!(bad.status, 400);
    let nowhere = of_room(&alice, "not a room", "x.y");
    assert_eq!(
        alice
            .put(nowhere, json!({}))
            .malformed()
            .reply()
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn rooms_are_tagged() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let mut reader = alice.caught_up().await;
    let tags = v3(&["user", alice.id(), "rooms", &room, "tags"]);
    let tag = |name: &str| v3(&["user", alice.id(), "rooms", &room, "tags", name]);
    assert_eq!(alice.get(&tags).await, json!({"tags": {}}));
    alice.put(tag("m.favourite"), json!({"order": 0.25})).await;
    alice.put(tag("u.work / home"), json!({})).await;
    let both = json!({"m.favourite": {"order": 0.25}, "u.work / home": {}});
    assert_eq!(alice.get(&tags).await["tags"], both);
    let shown = |s: &Value| of_type(events(&joined(s, &room)["account_data"]), "m.tag").cloned();
    let mut last = Value::Null;
    reader
        .until("both tags", |s| {
            last = shown(s).map_or(Value::Null, |e| e["content"]["tags"].clone());
            last == both
        })
        .await;
    alice.delete(tag("m.favourite")).await;
    assert_eq!(alice.get(&tags).await["tags"], json!({"u.work / home": {}}));
    let sync = reader.until("the change", |s| shown(s).is_some()).await;
    let content = shown(&sync).expect("the tags")["content"].clone();
    assert_eq!(content["tags"], json!({"u.work / home": {}}));
    let bob = server.user("bob").await;
    bob.get(&tags).fails(403, "M_FORBIDDEN").await;
    bob.put(tag("m.lowpriority"), json!({}))
        .fails(403, "M_FORBIDDEN")
        .await;
}

#[tokio::test]
async fn ignored_users_are_not_heard() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    let mut reader = alice.caught_up().await;
    let ignored = json!({"ignored_users": {bob.id(): {}}});
    alice
        .put(global(&alice, "m.ignored_user_list"), ignored)
        .await;
    bob.say(&room, "can you hear me?").await;
    let end = alice.say(&room, "no").await;
    let mut said = Vec::new();
    reader
        .until("the own message", |s| {
            let timeline = causeway_testkit::reader::timeline(s, &room).to_vec();
            said.extend(timeline.iter().map(|e| e["event_id"].clone()));
            said.contains(&json!(end))
        })
        .await;
    assert_eq!(said, [json!(end)]);
    // An invite of theirs is not shown either.
    let quiet = bob.create_room(json!({"invite": [alice.id()]})).await;
    reader.stays_quiet(&quiet, 200).await;
}

#[tokio::test]
async fn what_was_deleted_is_gone() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    let kind = "org.example.colours";
    let unstable = |path: String| {
        path.replace(
            "/_matrix/client/v3",
            "/_matrix/client/unstable/org.matrix.msc3391",
        )
    };
    let paths = [global(&alice, kind), of_room(&alice, &room, kind)];
    for path in &paths {
        alice.put(path, json!({"sky": "blue"})).await;
    }
    let mut reader = alice.caught_up().await;
    let shown = |sync: &Value| {
        let global = of_type(events(&sync["account_data"]), kind).cloned();
        let room = of_type(events(&joined(sync, &room)["account_data"]), kind).cloned();
        [global, room]
    };
    for (at, path) in paths.iter().enumerate() {
        let foreign = bob.delete(unstable(path.clone())).unspecified();
        foreign.fails(403, "M_FORBIDDEN").await;
        let own = alice.delete(unstable(path.clone())).unspecified();
        assert_eq!(own.await, json!({}));
        alice.get(path).fails(404, "M_NOT_FOUND").await;
        let sync = reader.until("the deletion", |s| shown(s)[at].is_some());
        let told = shown(&sync.await)[at].clone().expect("the deletion");
        assert_eq!(told["content"], json!({}));
        // It can be done twice, and says nothing then.
        alice.delete(unstable(path.clone())).unspecified().await;
    }
    let whole = alice.reader().now().await;
    assert_eq!(shown(&whole), [None, None]);
    // What has no content is deleted, too, and can be there again.
    alice.put(&paths[0], json!({"sky": "grey"})).await;
    assert_eq!(alice.get(&paths[0]).await["sky"], "grey");
    alice.put(&paths[0], json!({})).await;
    alice.get(&paths[0]).fails(404, "M_NOT_FOUND").await;
    for path in [
        global(&alice, "m.push_rules"),
        of_room(&alice, &room, "m.fully_read"),
    ] {
        let reply = alice.delete(unstable(path)).unspecified().reply().await;
        assert_eq!((reply.status, reply.code().as_str()), (405, "M_BAD_JSON"));
    }
    let versions = alice.get("/_matrix/client/versions").await;
    assert_eq!(versions["unstable_features"]["org.matrix.msc3391"], true);
}
