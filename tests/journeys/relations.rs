//! Relations: reactions, edits, replies in threads, and what is bundled with an event.

use causeway_testkit::reader::{ids, timeline};
use causeway_testkit::{TestClient, TestServer, v1, v3};
use serde_json::{Value, json};

fn relation(kind: &str, to: &str) -> Value {
    json!({"rel_type": kind, "event_id": to})
}

fn chunk(answer: &Value) -> Vec<String> {
    ids(answer["chunk"].as_array().expect("a list"))
}

async fn react(who: &TestClient, room: &str, to: &str, key: &str) -> String {
    let mut relates = relation("m.annotation", to);
    relates["key"] = json!(key);
    who.send(room, "m.reaction", json!({"m.relates_to": relates}))
        .await
}

async fn in_thread(who: &TestClient, room: &str, root: &str, text: &str) -> String {
    let relates = relation("m.thread", root);
    let content = json!({"msgtype": "m.text", "body": text, "m.relates_to": relates});
    who.send(room, "m.room.message", content).await
}

async fn edit(who: &TestClient, room: &str, event: &str, text: &str) -> String {
    let content = json!({
        "msgtype": "m.text", "body": format!("* {text}"),
        "m.new_content": {"msgtype": "m.text", "body": text},
        "m.relates_to": relation("m.replace", event),
    });
    who.send(room, "m.room.message", content).await
}

#[tokio::test]
async fn relations_are_listed_and_paged() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    let parent = alice.say(&room, "What do you think?").await;
    let mut children = vec![react(&bob, &room, &parent, "+1").await];
    children.push(react(&alice, &room, &parent, "+1").await);
    children.push(in_thread(&bob, &room, &parent, "I think so").await);
    for number in 0..4 {
        children.push(react(&bob, &room, &parent, &format!("k{number}")).await);
    }
    let list = |more: &[&str]| {
        let mut segments = vec!["rooms", room.as_str(), "relations", parent.as_str()];
        segments.extend(more);
        alice.get(v1(&segments))
    };
    let newest_first: Vec<_> = children.iter().rev().cloned().collect();
    assert_eq!(chunk(&list(&[]).await), newest_first);
    assert_eq!(chunk(&list(&[]).query("dir", "f").await), children);
    assert_eq!(chunk(&list(&["m.thread"]).await), [children[2].clone()]);
    assert_eq!(chunk(&list(&["m.annotation", "m.reaction"]).await).len(), 6);
    assert!(chunk(&list(&["m.annotation", "m.room.message"]).await).is_empty());
    let mut paged = Vec::new();
    let mut from: Option<String> = None;
    loop {
        let mut call = list(&[]).query("limit", 3);
        if let Some(token) = &from {
            call = call.query("from", token);
        }
        let answer = call.await;
        paged.extend(chunk(&answer));
        let Some(next) = answer["next_batch"].as_str() else {
            break;
        };
        from = Some(next.to_owned());
    }
    assert_eq!(paged, newest_first);
    // What is redacted relates to nothing.
    bob.redact(&room, &children[0]).await;
    assert_eq!(chunk(&list(&["m.annotation"]).await).len(), 5);
    let missing = v1(&["rooms", &room, "relations", "$nothing"]);
    alice.get(missing).fails(404, "M_NOT_FOUND").await;
}

#[tokio::test]
async fn edits_replace_and_are_bundled() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    let event = alice.say(&room, "teh").await;
    edit(&alice, &room, &event, "the").await;
    let last = edit(&alice, &room, &event, "the end").await;
    // Somebody else's edit is not one.
    edit(&bob, &room, &event, "graffiti").await;
    let seen = bob.event(&room, &event).await;
    let replace = &seen["unsigned"]["m.relations"]["m.replace"];
    assert_eq!(replace["event_id"], last, "{seen}");
    assert_eq!(seen["content"]["body"], "teh");
    let whole = bob.reader().now().await;
    let shown = timeline(&whole, &room)
        .iter()
        .find(|e| e["event_id"] == event.as_str());
    let shown = shown.expect("the event in the timeline");
    assert_eq!(
        shown["unsigned"]["m.relations"]["m.replace"]["event_id"],
        last
    );
    alice.redact(&room, &last).await;
    let seen = bob.event(&room, &event).await;
    let replace = &seen["unsigned"]["m.relations"]["m.replace"];
    assert_eq!(replace["content"]["m.new_content"]["body"], "the");
}

#[tokio::test]
async fn threads_are_listed_with_their_last_message() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    let one = alice.say(&room, "one").await;
    let two = alice.say(&room, "two").await;
    in_thread(&bob, &room, &one, "1.1").await;
    in_thread(&bob, &room, &two, "2.1").await;
    let latest = in_thread(&bob, &room, &one, "1.2").await;

    let threads = |who: &TestClient| who.get(v1(&["rooms", &room, "threads"]));
    let list = threads(&alice).await;
    assert_eq!(chunk(&list), [one.clone(), two.clone()]);
    let bundle = &list["chunk"][0]["unsigned"]["m.relations"]["m.thread"];
    assert_eq!(bundle["count"], 2, "{list}");
    assert_eq!(bundle["latest_event"]["event_id"], latest);
    assert_eq!(bundle["current_user_participated"], true);
    let list = threads(&alice).query("limit", 1).await;
    let next = list["next_batch"]
        .as_str()
        .expect("a second page")
        .to_owned();
    let rest = threads(&alice).query("limit", 1).query("from", next).await;
    assert_eq!(chunk(&rest), [two]);

    let carol = server.user("carol").await;
    carol.join(&room).await;
    let own = threads(&carol).query("include", "participated").await;
    assert_eq!(own["chunk"], json!([]));
    in_thread(&carol, &room, &one, "1.3").await;
    let own = threads(&carol).query("include", "participated").await;
    assert_eq!(chunk(&own), [one]);
}

#[tokio::test]
async fn a_second_like_is_refused() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let event = alice.say(&room, "hello").await;
    react(&alice, &room, &event, "+1").await;
    let relates = json!({"rel_type": "m.annotation", "event_id": event, "key": "+1"});
    let again = alice.send_event(&room, "m.reaction", json!({"m.relates_to": relates}));
    again.fails(400, "M_DUPLICATE_ANNOTATION").await;
}

#[tokio::test]
async fn relations_are_followed_to_their_own_relations() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let root = alice.say(&room, "root").await;
    let reply = in_thread(&alice, &room, &root, "reply").await;
    let reaction = react(&alice, &room, &reply, "+1").await;
    let path = v1(&["rooms", &room, "relations", &root]);
    assert_eq!(chunk(&alice.get(&path).await), std::slice::from_ref(&reply));
    let deep = alice.get(&path).query("recurse", true).await;
    assert_eq!(chunk(&deep), [&*reaction, &*reply]);
    // By its name as a proposal.
    let proposed = alice.get(&path).query("org.matrix.msc3981.recurse", true);
    assert_eq!(chunk(&proposed.unspecified().await), [reaction, reply]);
    let versions = alice.get("/_matrix/client/versions").await;
    for feature in ["org.matrix.msc3874", "org.matrix.msc3981"] {
        assert_eq!(versions["unstable_features"][feature], true);
    }
    assert!(
        deep["recursion_depth"]
            .as_u64()
            .is_some_and(|depth| depth >= 2),
        "{deep}"
    );
}

#[tokio::test]
async fn timelines_are_filtered_by_relations() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    let root = alice.say(&room, "root").await;
    let plain = alice.say(&room, "plain").await;
    let reply = in_thread(&bob, &room, &root, "reply").await;
    let like = react(&alice, &room, &plain, "+1").await;
    let all = [&root, &plain, &reply, &like];
    for (rules, expected) in [
        (
            json!({"related_by_rel_types": ["m.thread"]}),
            vec![root.clone()],
        ),
        (
            json!({"related_by_senders": [alice.id()]}),
            vec![plain.clone()],
        ),
        (
            json!({"related_by_senders": [bob.id()], "related_by_rel_types": ["m.annotation"]}),
            vec![],
        ),
        (
            json!({"org.matrix.msc3874.rel_types": ["m.thread"]}),
            vec![reply.clone()],
        ),
        (
            json!({"org.matrix.msc3874.not_rel_types": ["m.thread", "m.annotation"]}),
            vec![root.clone(), plain.clone()],
        ),
    ] {
        // The filter's other rules leave nothing but what was said.
        let mut rules = rules;
        rules["types"] = json!(["m.room.message", "m.reaction"]);
        let path = v3(&["rooms", &room, "messages"]);
        let page = alice.get(path).query("dir", "f").query("filter", &rules);
        assert_eq!(chunk(&page.await), expected, "{rules}");
        let filter = json!({"room": {"timeline": rules}});
        let sync = alice.reader().with_filter(&filter).now().await;
        assert_eq!(ids(timeline(&sync, &room)), expected, "{rules}");
        // Stored filters keep what they say of relations.
        let made = alice.post(v3(&["user", alice.id(), "filter"]), filter.clone());
        let id = made.await["filter_id"].as_str().expect("an id").to_owned();
        let kept = alice.get(v3(&["user", alice.id(), "filter", &id])).await;
        assert_eq!(kept, filter);
        let sync = alice.reader().with("filter", &id).now().await;
        let shown = ids(timeline(&sync, &room));
        assert_eq!(shown, expected, "{rules}");
        assert!(shown.iter().all(|id| all.contains(&id)));
    }
}

#[tokio::test]
async fn who_waits_sees_only_the_relations_they_asked_for() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let root = alice.say(&room, "root").await;
    let filter = json!({"room": {"timeline": {"org.matrix.msc3874.not_rel_types": ["m.thread"]}}});
    let mut reader = alice.reader().with_filter(&filter);
    reader.now().await;
    let reply = in_thread(&alice, &room, &root, "reply").await;
    let said = alice.say(&room, "plain").await;
    let mut seen = Vec::new();
    reader
        .until("the message", |sync| {
            seen.extend(ids(timeline(sync, &room)));
            seen.contains(&said)
        })
        .await;
    assert!(!seen.contains(&reply), "{seen:?}");
}

#[tokio::test]
async fn a_room_that_was_left_shows_relations_up_to_then() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    let event = alice.say(&room, "teh").await;
    let edited = edit(&alice, &room, &event, "the").await;
    bob.leave(&room).await;
    edit(&alice, &room, &event, "the secret").await;
    let filter = json!({"room": {"include_leave": true}});
    let sync = bob.reader().with_filter(&filter).now().await;
    let shown = sync["rooms"]["leave"][&room]["timeline"]["events"].as_array();
    let shown = shown.expect("a timeline").iter();
    let found = shown.clone().find(|e| e["event_id"] == event.as_str());
    let replace = &found.expect("the message")["unsigned"]["m.relations"]["m.replace"];
    assert_eq!(replace["event_id"], edited, "{sync}");
}
