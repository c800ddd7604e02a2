//! Aliases and the list of published rooms.

use causeway_testkit::{TestServer, v3};
use serde_json::{Value, json};

#[tokio::test]
async fn aliases_are_made_found_and_removed() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    let alias = format!("#tea:{}", server.name());
    let path = v3(&["directory", "room", &alias]);
    server.client().get(&path).fails(404, "M_NOT_FOUND").await;
    alice.put(&path, json!({"room_id": room})).await;
    let found = server.client().get(&path).await;
    assert_eq!(found["room_id"], room);
    assert_eq!(found["servers"], json!([server.name()]));
    let taken = alice.put(&path, json!({"room_id": room})).reply().await;
    assert_eq!(taken.status, 409, "{}", taken.json());
    bob.join(&alias).await;
    let list = bob.get(v3(&["rooms", &room, "aliases"])).await;
    assert_eq!(list["aliases"], json!([alias]));
    bob.delete(&path).fails(403, "M_FORBIDDEN").await;
    alice.delete(&path).await;
    server.client().get(&path).fails(404, "M_NOT_FOUND").await;
    alice.delete(&path).fails(404, "M_NOT_FOUND").await;
    let carol = server.user("carol").await;
    carol.join(&alias).fails(404, "M_NOT_FOUND").await;
}

#[tokio::test]
async fn a_canonical_alias_must_lead_to_the_room() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_room(json!({"room_alias_name": "one"})).await;
    let other = alice.create_room(json!({"room_alias_name": "other"})).await;
    let name = |local: &str| format!("#{local}:{}", server.name());
    let set = |content: Value| alice.set_state(&room, "m.room.canonical_alias", "", content);
    set(json!({"alias": name("one")})).await;
    let reply = set(json!({"alias": name("nowhere")})).reply().await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "M_BAD_ALIAS"));
    let reply = set(json!({"alias": name("other")})).reply().await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "M_BAD_ALIAS"));
    let reply = set(json!({"alias": name("one"), "alt_aliases": [name("nowhere")]}))
        .reply()
        .await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "M_BAD_ALIAS"));
    let reply = set(json!({"alias": "not an alias"})).reply().await;
    assert_eq!(reply.status, 400);
    alice
        .delete(v3(&["directory", "room", &name("other")]))
        .await;
    assert!(!other.is_empty());
}

#[tokio::test]
async fn bad_aliases_are_refused() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    for bad in ["tea", "#tea", "!tea:x"] {
        let reply = alice
            .get(v3(&["directory", "room", bad]))
            .malformed()
            .reply()
            .await;
        assert_eq!(reply.status, 400, "{bad}: {}", reply.json());
        let put = alice.put(v3(&["directory", "room", bad]), json!({"room_id": room}));
        assert_eq!(put.malformed().reply().await.status, 400, "{bad}");
    }
    let foreign = alice.put(
        v3(&["directory", "room", "#tea:elsewhere.example"]),
        json!({"room_id": room}),
    );
    let reply = foreign.reply().await;
    assert!((400..404).contains(&reply.status), "{}", reply.json());
}

#[tokio::test]
async fn published_rooms_are_listed_searched_and_paged() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    for number in 0..5 {
        let room = alice
            .create_room(json!({
                "visibility": "public", "name": format!("Club {number}"),
                "topic": if number == 3 { "knitting" } else { "chess" },
                "room_alias_name": format!("club{number}"),
            }))
            .await;
        if number < 2 {
            bob.join(&room).await;
        }
    }
    alice
        .create_room(json!({"preset": "public_chat", "name": "Not listed"}))
        .await;
    let path = v3(&["publicRooms"]);
    let all = bob.get(&path).await;
    assert_eq!(all["chunk"].as_array().expect("a list").len(), 5);
    assert_eq!(all["total_room_count_estimate"], 5);
    let first = &all["chunk"][0];
    assert_eq!(
        (&first["num_joined_members"], &first["join_rule"]),
        (&json!(2), &json!("public"))
    );
    assert!(first["canonical_alias"].is_string() && first["world_readable"] == false);

    let found = bob
        .post(&path, json!({"filter": {"generic_search_term": "KNIT"}}))
        .await;
    assert_eq!(found["chunk"].as_array().expect("a list").len(), 1);
    assert_eq!(found["chunk"][0]["name"], "Club 3");

    let mut names = Vec::new();
    let mut since: Option<String> = None;
    loop {
        let mut body = json!({"limit": 2});
        if let Some(token) = &since {
            body["since"] = json!(token);
        }
        let page = bob.post(&path, body).await;
        let chunk = page["chunk"].as_array().expect("a list");
        names.extend(chunk.iter().map(|room| room["room_id"].clone()));
        let Some(next) = page["next_batch"].as_str() else {
            break;
        };
        since = Some(next.to_owned());
        assert!(names.len() <= 5);
    }
    names.sort_by_key(ToString::to_string);
    names.dedup();
    assert_eq!(names.len(), 5);
}

#[tokio::test]
async fn publishing_needs_power() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    let path = v3(&["directory", "list", "room", &room]);
    bob.put(&path, json!({"visibility": "public"}))
        .fails(403, "M_FORBIDDEN")
        .await;
    alice.put(&path, json!({"visibility": "public"})).await;
    assert_eq!(bob.get(&path).await["visibility"], "public");
    alice.put(&path, json!({"visibility": "private"})).await;
    let list = bob.get(v3(&["publicRooms"])).await;
    assert_eq!(list["chunk"], json!([]));
    let nowhere = v3(&["directory", "list", "room", "!nowhere:example.org"]);
    bob.get(nowhere).fails(404, "M_NOT_FOUND").await;
}
