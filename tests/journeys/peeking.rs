//! Looking into rooms without joining them, and the endpoints of the first clients.

use causeway_testkit::{Call, TestClient, TestServer, v3};
use serde_json::{Value, json};

async fn open_room(alice: &TestClient) -> String {
    let room = alice.create_public_room().await;
    let open = json!({"history_visibility": "world_readable"});
    alice
        .set_state(&room, "m.room.history_visibility", "", open)
        .await;
    room
}

fn initial_sync(who: &TestClient, room: &str) -> Call {
    who.get(v3(&["rooms", room, "initialSync"]))
}

/// The stream of one room. Its chunk holds receipts and the like beside events, so it is not held
/// against the schema of events.
fn stream(who: &TestClient, room: &str, from: &str, timeout_ms: u64) -> Call {
    let call = who.get(v3(&["events"])).unspecified();
    call.query("room_id", room)
        .query("from", from)
        .query("timeout", timeout_ms)
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn find<'a>(events: &'a Value, kind: &str) -> Option<&'a Value> {
    let mut events = events.as_array().expect("a list").iter();
    events.find(|event| event["type"] == kind)
}

/// Follows a room from outside until an event of a type comes; gives it, and where to go on.
async fn until(who: &TestClient, room: &str, from: &str, kind: &str) -> (Value, String) {
    let mut from = from.to_owned();
    for _ in 0..20 {
        let answer = stream(who, room, &from, 10_000).await;
        assert_eq!(answer["start"], from);
        from = text(&answer["end"]);
        if let Some(found) = find(&answer["chunk"], kind) {
            return (found.clone(), from);
        }
    }
    panic!("no {kind} came");
}

#[tokio::test]
async fn a_room_that_is_open_to_the_world_is_followed_from_outside() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = open_room(&alice).await;
    let first = alice.say(&room, "before").await;
    let look = initial_sync(&bob, &room).await;
    assert!(look.get("membership").is_none(), "{look}");
    let shown = look["messages"]["chunk"].as_array().expect("events");
    assert_eq!(shown.last().expect("an event")["event_id"], first);
    assert_eq!(shown.last().expect("an event")["user_id"], alice.id());
    assert!(find(&look["state"], "m.room.create").is_some(), "{look}");
    let mut from = text(&look["messages"]["end"]);

    // Nothing new is nothing, and the time is waited for.
    let quiet = stream(&bob, &room, &from, 0).await;
    assert_eq!(quiet["chunk"], json!([]));

    let waiting = tokio::spawn({
        let (bob, room, from) = (bob.clone(), room.clone(), from.clone());
        async move { until(&bob, &room, &from, "m.room.message").await }
    });
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let second = alice.say(&room, "while waiting").await;
    let (event, next) = waiting.await.expect("an answer");
    assert_eq!(
        (&event["event_id"], &event["room_id"]),
        (&json!(second), &json!(room))
    );
    from = next;
    // Not twice.
    let quiet = stream(&bob, &room, &from, 0).await;
    assert!(find(&quiet["chunk"], "m.room.message").is_none(), "{quiet}");

    alice
        .post(
            v3(&["rooms", &room, "receipt", "m.read", &second]),
            json!({}),
        )
        .await;
    let (receipt, next) = until(&bob, &room, &from, "m.receipt").await;
    assert!(receipt["content"][&second]["m.read"][alice.id()].is_object());
    let mut alices = alice.reader();
    alices.now().await;
    let typing = v3(&["rooms", &room, "typing", alice.id()]);
    alice
        .put(&typing, json!({"typing": true, "timeout": 20_000}))
        .await;
    let (typist, next) = until(&bob, &room, &next, "m.typing").await;
    assert_eq!(typist["content"]["user_ids"], json!([alice.id()]));
    let status = v3(&["presence", alice.id(), "status"]);
    alice
        .put(
            &status,
            json!({"presence": "unavailable", "status_msg": "tea"}),
        )
        .await;
    let mut from = next;
    loop {
        let (presence, next) = until(&bob, &room, &from, "m.presence").await;
        assert_eq!(presence["content"]["user_id"], alice.id());
        if presence["content"]["status_msg"] == "tea" {
            break;
        }
        from = next;
    }
}

#[tokio::test]
async fn what_is_not_open_is_not_followed() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = open_room(&alice).await;
    let from = text(&initial_sync(&bob, &room).await["messages"]["end"]);
    alice.say(&room, "open").await;
    let closed = json!({"history_visibility": "joined"});
    alice
        .set_state(&room, "m.room.history_visibility", "", closed)
        .await;
    alice.say(&room, "secret").await;
    stream(&bob, &room, &from, 0)
        .fails(403, "M_FORBIDDEN")
        .await;
    initial_sync(&bob, &room).fails(403, "M_FORBIDDEN").await;
    let open = json!({"history_visibility": "world_readable"});
    alice
        .set_state(&room, "m.room.history_visibility", "", open)
        .await;
    alice.say(&room, "open again").await;
    let mut said = Vec::new();
    let mut at = from;
    while !said.contains(&json!("open again")) {
        let answer = stream(&bob, &room, &at, 10_000).await;
        let events = answer["chunk"].as_array().expect("events");
        said.extend(events.iter().map(|event| event["content"]["body"].clone()));
        at = text(&answer["end"]);
    }
    said.retain(|body| !body.is_null());
    assert_eq!(said, [json!("open"), json!("open again")]);
    stream(&bob, "!nowhere:localhost", &at, 0)
        .fails(403, "M_FORBIDDEN")
        .await;
    stream(&bob, &room, "nonsense", 0)
        .fails(400, "M_INVALID_PARAM")
        .await;
}

#[tokio::test]
async fn guests_follow_rooms_and_nothing_else() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let register = server
        .client()
        .post(v3(&["register"]), json!({}))
        .query("kind", "guest");
    let guest = server.client().with_session(&register.await);
    let room = open_room(&alice).await;
    guest
        .get(v3(&["events"]))
        .fails(403, "M_GUEST_ACCESS_FORBIDDEN")
        .await;
    let begin = guest.get(v3(&["events"])).query("room_id", &room).await;
    let from = text(&begin["end"]);
    let said = alice.say(&room, "for everybody").await;
    let (event, _) = until(&guest, &room, &from, "m.room.message").await;
    assert_eq!(event["event_id"], said);
}

#[tokio::test]
async fn an_initial_sync_of_a_room_shows_what_lies_beside_its_events() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    let event = alice.say(&room, "hello").await;
    bob.post(
        v3(&["rooms", &room, "receipt", "m.read", &event]),
        json!({}),
    )
    .await;
    let tag = v3(&["user", bob.id(), "rooms", &room, "tags", "u.work"]);
    bob.put(&tag, json!({"order": 0.5})).await;
    let look = initial_sync(&bob, &room).await;
    assert_eq!(look["membership"], "join");
    let receipt = &look["receipts"][0];
    assert_eq!(receipt["room_id"], room);
    assert!(receipt["content"][&event]["m.read"][bob.id()].is_object());
    let tags = find(&look["account_data"], "m.tag").expect("tags");
    assert_eq!(tags["content"]["tags"]["u.work"]["order"], 0.5);
    let people = look["presence"].as_array().expect("people");
    let of = |who: &str| people.iter().find(|p| p["content"]["user_id"] == who);
    // Alice has never been heard of.
    let alices = of(alice.id()).expect("alice's presence");
    assert_eq!(alices["content"]["presence"], "offline");
    assert!(of(bob.id()).is_some());

    bob.leave(&room).await;
    alice.say(&room, "behind his back").await;
    let look = initial_sync(&bob, &room).await;
    assert_eq!(look["membership"], "leave");
    assert_eq!(
        (&look["presence"], &look["receipts"]),
        (&json!([]), &json!([]))
    );
    let shown = look["messages"]["chunk"].as_array().expect("events");
    assert_eq!(shown.last().expect("an event")["state_key"], bob.id());
}

#[tokio::test]
async fn an_initial_sync_of_everything_names_people_in_the_content() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let mine = v3(&["user", alice.id(), "account_data", "org.example.cats"]);
    alice.put(&mine, json!({"count": 2})).await;
    let status = v3(&["presence", alice.id(), "status"]);
    alice.put(&status, json!({"presence": "online"})).await;
    let all = alice.get(v3(&["initialSync"])).await;
    assert_eq!(all["rooms"][0]["room_id"], room);
    assert_eq!(all["presence"][0]["content"]["user_id"], alice.id());
    // What the user made, and not the rules that everybody has.
    let data = all["account_data"].as_array().expect("account data");
    assert_eq!(data.len(), 1, "{data:?}");
    assert_eq!(data[0]["type"], "org.example.cats");
    for limit in ["-2", "many"] {
        alice
            .get(v3(&["events"]))
            .query("limit", limit)
            .malformed()
            .fails(400, "M_INVALID_PARAM")
            .await;
    }
}

#[tokio::test]
async fn an_initial_sync_shows_invites_and_what_was_left() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let left = alice.create_public_room().await;
    bob.join(&left).await;
    bob.leave(&left).await;
    let room = alice.create_room(json!({"preset": "private_chat"})).await;
    alice.invite(&room, bob.id()).await;
    let all = bob.get(v3(&["initialSync"])).query("limit", 1).await;
    let rooms = all["rooms"].as_array().expect("rooms");
    assert_eq!(rooms.len(), 1, "{all}");
    assert_eq!(rooms[0]["membership"], "invite");
    assert_eq!(rooms[0]["inviter"], alice.id());
    assert_eq!(rooms[0]["invite"]["state_key"], bob.id());
    let all = bob.get(v3(&["initialSync"])).query("archived", true).await;
    let rooms = all["rooms"].as_array().expect("rooms");
    let gone = rooms.iter().find(|it| it["room_id"] == left);
    assert_eq!(gone.expect("the room that was left")["membership"], "leave");
}

#[tokio::test]
async fn what_happens_in_all_rooms_is_one_stream() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let (one, two) = (
        alice.create_public_room().await,
        alice.create_public_room().await,
    );
    bob.join(&one).await;
    bob.join(&two).await;
    let begin = bob.get(v3(&["events"])).await;
    assert_eq!(begin["chunk"], json!([]));
    let waiting = tokio::spawn({
        let (bob, from) = (bob.clone(), text(&begin["end"]));
        async move {
            let call = bob.get(v3(&["events"])).query("from", from);
            call.query("timeout", 20_000).await
        }
    });
    let first = alice.say(&one, "in the one").await;
    let heard = waiting.await.expect("an answer");
    assert_eq!(heard["chunk"][0]["event_id"], first);
    assert_eq!(heard["chunk"][0]["room_id"], one);
    let second = alice.say(&two, "in the other").await;
    let call = bob.get(v3(&["events"])).query("from", text(&heard["end"]));
    let heard = call.query("timeout", 20_000).await;
    let ids = heard["chunk"].as_array().expect("events").iter();
    let ids: Vec<_> = ids.map(|event| event["event_id"].clone()).collect();
    assert_eq!(ids, [json!(second)]);
    bob.get(v3(&["events"]))
        .query("from", "nonsense")
        .fails(400, "M_INVALID_PARAM")
        .await;
}

#[tokio::test]
async fn a_single_event_is_found_without_its_room() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_room(json!({"preset": "private_chat"})).await;
    let event = alice.say(&room, "found").await;
    let find = |who: &TestClient, event: &str| who.get(v3(&["events", event]));
    let found = find(&alice, &event).await;
    assert_eq!(found["content"]["body"], "found");
    assert_eq!(found["room_id"], room);
    find(&bob, &event).fails(404, "M_NOT_FOUND").await;
    find(&alice, "$nothing").fails(404, "M_NOT_FOUND").await;
    find(&alice, "nothing")
        .malformed()
        .fails(400, "M_INVALID_PARAM")
        .await;
}
