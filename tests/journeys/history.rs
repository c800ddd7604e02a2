//! Reading a room's past: pages in both directions, context, and by time.

use causeway_testkit::reader::{bodies, ids, joined};
use causeway_testkit::{TestClient, TestServer, v1, v3};
use serde_json::{Value, json};

fn chunk(answer: &Value) -> Vec<String> {
    ids(answer["chunk"].as_array().expect("a page"))
}

#[tokio::test]
async fn pages_join_without_loss_or_repeat_in_both_directions() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let sent = alice.say_many(&room, 25).await;
    for page in [1, 7, 10, 25, 100] {
        let mut back = ids(&alice.all_messages(&room, "b", page).await);
        let forth = ids(&alice.all_messages(&room, "f", page).await);
        back.reverse();
        assert_eq!(back, forth, "pages of {page}");
        assert_eq!(&forth[forth.len() - 25..], &sent[..]);
        let mut unique = forth.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), forth.len());
    }
    let first = alice.messages(&room, "f", None, 1).await;
    assert_eq!(first["chunk"][0]["type"], "m.room.create");
}

#[tokio::test]
async fn a_page_can_be_turned_round() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    alice.say_many(&room, 10).await;
    let back = alice.messages(&room, "b", None, 4).await;
    let end = back["end"].as_str().expect("more to read");
    let forth = alice.messages(&room, "f", Some(end), 10).await;
    let mut expected = chunk(&back);
    expected.reverse();
    assert_eq!(chunk(&forth), expected);
    // Between two tokens.
    let start = back["start"].as_str().expect("where the page starts");
    let between = alice
        .messages(&room, "f", Some(end), 100)
        .query("to", start)
        .await;
    assert_eq!(chunk(&between), expected);
}

#[tokio::test]
async fn what_is_new_is_at_the_end_of_a_forward_page() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let page = alice.messages(&room, "b", None, 1).await;
    let now = page["start"].as_str().expect("a token").to_owned();
    assert_eq!(
        alice.messages(&room, "f", Some(&now), 10).await["chunk"],
        json!([])
    );
    let sent = alice.say_many(&room, 3).await;
    assert_eq!(
        chunk(&alice.messages(&room, "f", Some(&now), 10).await),
        sent
    );
    // A token of sync is a token of history too.
    let filter = json!({"room": {"timeline": {"limit": 2}}});
    let sync = alice.reader().with_filter(&filter).now().await;
    let prev = joined(&sync, &room)["timeline"]["prev_batch"]
        .as_str()
        .expect("a token");
    let before = alice.messages(&room, "b", Some(prev), 1).await;
    assert_eq!(before["chunk"][0]["event_id"], sent[0]);
    let next = sync["next_batch"].as_str().expect("a token");
    let last = alice.messages(&room, "b", Some(next), 1).await;
    assert_eq!(last["chunk"][0]["event_id"], sent[2]);
}

#[tokio::test]
async fn context_stands_in_the_middle() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice
        .create_room(json!({"preset": "public_chat", "topic": "x"}))
        .await;
    let sent = alice.say_many(&room, 11).await;
    alice
        .set_state(&room, "m.room.topic", "", json!({"topic": "later"}))
        .await;
    let path = v3(&["rooms", &room, "context", &sent[5]]);
    let context = alice.get(&path).query("limit", 6).await;
    assert_eq!(context["event"]["event_id"], sent[5]);
    let before = ids(context["events_before"].as_array().expect("a list"));
    let after = ids(context["events_after"].as_array().expect("a list"));
    assert_eq!(before, [sent[4].as_str(), &sent[3], &sent[2]]);
    assert_eq!(after, [sent[6].as_str(), &sent[7], &sent[8]]);
    let start = context["start"].as_str().expect("a token");
    let end = context["end"].as_str().expect("a token");
    let back = alice.messages(&room, "b", Some(start), 1).await;
    assert_eq!(back["chunk"][0]["event_id"], sent[1]);
    let forth = alice.messages(&room, "f", Some(end), 1).await;
    assert_eq!(forth["chunk"][0]["event_id"], sent[9]);
    // The state is that at the last event shown, not of today.
    let state = context["state"].as_array().expect("state");
    let topic = state
        .iter()
        .find(|e| e["type"] == "m.room.topic")
        .expect("a topic");
    assert_eq!(topic["content"]["topic"], "x");

    let alone = alice.get(&path).query("limit", 0).await;
    let empty = |value: &Value| value.as_array().is_none_or(Vec::is_empty);
    assert!(
        empty(&alone["events_before"]) && empty(&alone["events_after"]),
        "{alone}"
    );
    let missing = v3(&["rooms", &room, "context", "$nothing"]);
    alice.get(missing).fails(404, "M_NOT_FOUND").await;
    server
        .user("bob")
        .await
        .get(&path)
        .fails(403, "M_FORBIDDEN")
        .await;
}

async fn filtered(who: &TestClient, room: &str, filter: Value) -> Vec<String> {
    let answer = who
        .messages(room, "f", None, 100)
        .query("filter", filter)
        .await;
    bodies(answer["chunk"].as_array().expect("a page"))
}

#[tokio::test]
async fn filters_choose_what_a_page_shows() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    alice.say(&room, "from alice").await;
    bob.say(&room, "from bob").await;
    let link = json!({"msgtype": "m.image", "body": "image", "url": "mxc://a/b"});
    bob.send(&room, "m.room.message", link).await;
    assert_eq!(
        filtered(&alice, &room, json!({"types": ["m.room.message"]}))
            .await
            .len(),
        3
    );
    let own = json!({"senders": [alice.id()]});
    assert_eq!(filtered(&alice, &room, own).await, ["from alice"]);
    let others = json!({"not_senders": [alice.id()]});
    assert_eq!(filtered(&alice, &room, others).await, ["from bob", "image"]);
    let links = json!({"types": ["m.room.*"], "contains_url": true});
    assert_eq!(filtered(&alice, &room, links).await, ["image"]);
    assert!(
        filtered(&alice, &room, json!({"not_types": ["m.room.mess*"]}))
            .await
            .is_empty()
    );
    let lazy = json!({"lazy_load_members": true, "types": ["m.room.message"]});
    let answer = alice
        .messages(&room, "f", None, 1)
        .query("filter", lazy)
        .await;
    let members = answer["state"]
        .as_array()
        .expect("the senders' member events");
    assert_eq!(members.len(), 1, "{answer}");
    assert_eq!(members[0]["state_key"], alice.id());
}

#[tokio::test]
async fn events_are_found_by_time() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let sent = alice.say_many(&room, 3).await;
    let last = alice.event(&room, &sent[2]).await;
    let time = last["origin_server_ts"].as_u64().expect("a time");
    let near = |ts: u64, dir: &str| {
        let path = v1(&["rooms", &room, "timestamp_to_event"]);
        alice.get(path).query("ts", ts).query("dir", dir)
    };
    let found = near(time + 60_000, "b").await;
    assert_eq!(
        (&found["event_id"], &found["origin_server_ts"]),
        (&json!(sent[2]), &json!(time))
    );
    let found = near(0, "f").await;
    let create = alice
        .state(&room, "m.room.create", "")
        .query("format", "event")
        .await;
    assert_eq!(found["event_id"], create["event_id"]);
    near(time + 60_000, "f").fails(404, "M_NOT_FOUND").await;
    near(1, "b").fails(404, "M_NOT_FOUND").await;
}

#[tokio::test]
async fn tokens_that_are_none_are_refused() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    for token in ["nonsense", "-1", "999999999999999999999999999", "s%00"] {
        let reply = alice.messages(&room, "b", Some(token), 5).reply().await;
        assert_eq!(reply.status, 400, "{token}: {}", reply.json());
        let call = alice
            .get(v3(&["sync"]))
            .query("since", token)
            .query("timeout", 0);
        let reply = call.reply().await;
        assert_eq!(reply.status, 400, "{token}: {}", reply.json());
    }
    let call = alice
        .get(v3(&["rooms", &room, "messages"]))
        .query("dir", "sideways");
    assert_eq!(call.malformed().reply().await.status, 400);
    let call = alice.get(v3(&["rooms", &room, "messages"]));
    assert_eq!(call.malformed().reply().await.status, 400);
}

#[tokio::test]
async fn a_page_towards_the_present_says_where_to_go_on() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let mut sync = alice.reader();
    let now = sync.now().await["next_batch"]
        .as_str()
        .expect("a token")
        .to_owned();
    let one = alice.say(&room, "one").await;
    let page = alice.messages(&room, "f", Some(&now), 10).await;
    assert_eq!(chunk(&page), [one]);
    let end = page["end"].as_str().expect("there may be more");
    let nothing = alice.messages(&room, "f", Some(end), 10).await;
    assert_eq!(nothing["chunk"], json!([]));
    assert!(nothing.get("end").is_none(), "{nothing}");
    let two = alice.say(&room, "two").await;
    assert_eq!(
        chunk(&alice.messages(&room, "f", Some(end), 10).await),
        [two]
    );
    // Before the start there is nothing, and never will be.
    let all = alice.messages(&room, "b", None, 100).await;
    assert!(all.get("end").is_none(), "{all}");
}
