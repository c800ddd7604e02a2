//! Spaces and summaries of rooms.

use causeway_testkit::{TestClient, TestServer, v1};
use serde_json::{Value, json};

async fn space(who: &TestClient, name: &str) -> String {
    let content = json!({"type": "m.space"});
    let body = json!({"preset": "public_chat", "name": name, "creation_content": content});
    who.create_room(body).await
}

async fn adopt(who: &TestClient, parent: &str, child: &str, more: Value) {
    let mut content = json!({"via": ["localhost"]});
    for (key, value) in more.as_object().into_iter().flatten() {
        content[key] = value.clone();
    }
    who.set_state(parent, "m.space.child", child, content).await;
}

fn rooms(answer: &Value) -> Vec<&str> {
    let rooms = answer["rooms"].as_array().expect("rooms");
    rooms
        .iter()
        .filter_map(|room| room["room_id"].as_str())
        .collect()
}

/// All rooms of a space, asked for two at a time.
async fn in_pages(who: &TestClient, path: &str) -> Vec<String> {
    let mut paged = Vec::new();
    let mut from: Option<String> = None;
    loop {
        let mut call = who.get(path).query("limit", 2);
        if let Some(token) = &from {
            call = call.query("from", token);
        }
        let page = call.await;
        paged.extend(rooms(&page).iter().map(ToString::to_string));
        let Some(next) = page["next_batch"].as_str() else {
            return paged;
        };
        from = Some(next.to_owned());
        assert!(paged.len() < 10);
    }
}

#[tokio::test]
async fn a_space_shows_what_one_may_enter() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let root = space(&alice, "Root").await;
    let open = alice
        .create_room(json!({"preset": "public_chat", "name": "Open"}))
        .await;
    let closed = alice
        .create_room(json!({"preset": "private_chat", "name": "Closed"}))
        .await;
    let inner = space(&alice, "Inner").await;
    let deep = alice
        .create_room(json!({"preset": "public_chat", "name": "Deep"}))
        .await;
    adopt(&alice, &root, &inner, json!({"order": "a"})).await;
    adopt(&alice, &root, &closed, json!({"order": "b"})).await;
    adopt(
        &alice,
        &root,
        &open,
        json!({"order": "c", "suggested": true}),
    )
    .await;
    adopt(&alice, &inner, &deep, json!({})).await;
    // A circle ends.
    adopt(&alice, &inner, &root, json!({})).await;

    let path = v1(&["rooms", &root, "hierarchy"]);
    let everything = alice.get(&path).await;
    assert_eq!(rooms(&everything), [&root, &inner, &deep, &closed, &open]);
    let first = &everything["rooms"][0];
    assert_eq!(
        (&first["room_type"], &first["name"]),
        (&json!("m.space"), &json!("Root"))
    );
    assert_eq!(
        first["children_state"].as_array().expect("children").len(),
        3
    );
    let of_bob = bob.get(&path).await;
    assert_eq!(rooms(&of_bob), [&root, &inner, &deep, &open]);
    let shallow = alice.get(&path).query("max_depth", 1).await;
    assert_eq!(rooms(&shallow), [&root, &inner, &closed, &open]);
    let suggested = alice.get(&path).query("suggested_only", true).await;
    assert_eq!(rooms(&suggested), [&root, &open]);

    assert_eq!(in_pages(&alice, &path).await, rooms(&everything));
    bob.get(v1(&["rooms", &closed, "hierarchy"]))
        .fails(403, "M_FORBIDDEN")
        .await;
    // A child that was taken away is not shown.
    alice
        .set_state(&root, "m.space.child", &open, json!({}))
        .await;
    assert_eq!(rooms(&bob.get(&path).await), [&root, &inner, &deep]);
}

#[tokio::test]
async fn a_room_is_summarised_for_those_who_may_see_it() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice
        .create_room(json!({
            "preset": "public_chat", "name": "Hall", "topic": "Everything",
            "room_alias_name": "hall", "room_version": "11",
        }))
        .await;
    let path = v1(&["room_summary", &room]);
    let summary = bob.get(&path).await;
    assert_eq!(
        (&summary["name"], &summary["topic"]),
        (&json!("Hall"), &json!("Everything"))
    );
    assert_eq!(
        (&summary["join_rule"], &summary["room_version"]),
        (&json!("public"), &json!("11"))
    );
    assert_eq!(summary["num_joined_members"], 1);
    assert_eq!(alice.get(&path).await["membership"], "join");
    let by_alias = bob
        .get(v1(&["room_summary", &format!("#hall:{}", server.name())]))
        .await;
    assert_eq!(by_alias["room_id"], room);
    let private = alice.create_room(json!({"preset": "private_chat"})).await;
    bob.get(v1(&["room_summary", &private]))
        .fails(404, "M_NOT_FOUND")
        .await;
    alice.invite(&private, bob.id()).await;
    assert_eq!(
        bob.get(v1(&["room_summary", &private])).await["membership"],
        "invite"
    );
}
