//! Following threads (MSC4306), and the list of that (MSC4308).

use causeway_testkit::{Call, TestClient, TestServer, path};
use serde_json::{Value, json};

const CONFLICT: &str = "IO.ELEMENT.MSC4306.M_CONFLICTING_UNSUBSCRIPTION";
const NOT_IN_THREAD: &str = "IO.ELEMENT.MSC4306.M_NOT_IN_THREAD";

fn one(room: &str, root: &str) -> String {
    let prefix = "/_matrix/client/unstable/io.element.msc4306";
    path(prefix, &["rooms", room, "thread", root, "subscription"])
}

fn list(who: &TestClient) -> Call {
    let prefix = "/_matrix/client/unstable/io.element.msc4308";
    who.get(path(prefix, &["thread_subscriptions"]))
        .unspecified()
}

async fn reply(who: &TestClient, room: &str, root: &str) -> String {
    let relation = json!({"rel_type": "m.thread", "event_id": root});
    let content = json!({"msgtype": "m.text", "body": "so", "m.relates_to": relation});
    let sent = who.send_event(room, "m.room.message", content).await;
    sent["event_id"].as_str().expect("an id").to_owned()
}

fn stamp(shown: &Value) -> i64 {
    shown["bump_stamp"].as_i64().expect("a stamp")
}

#[tokio::test]
async fn threads_are_followed_and_left() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    let root = alice.say(&room, "A thread").await;
    let cause = reply(&alice, &room, &root).await;
    // Who is not in the room knows nothing of the thread.
    for call in [
        bob.get(one(&room, &root)).unspecified(),
        bob.put(one(&room, &root), json!({})).unspecified(),
        bob.delete(one(&room, &root)).unspecified(),
    ] {
        call.fails(404, "M_NOT_FOUND").await;
    }
    bob.join(&room).await;
    bob.get(one(&room, &root))
        .unspecified()
        .fails(404, "M_NOT_FOUND")
        .await;
    bob.put(one(&room, "$none"), json!({}))
        .unspecified()
        .fails(404, "M_NOT_FOUND")
        .await;

    let automatic = |cause: &str| {
        bob.put(one(&room, &root), json!({"automatic": cause}))
            .unspecified()
    };
    automatic(&root).fails(400, NOT_IN_THREAD).await;
    automatic("$none").fails(404, "M_NOT_FOUND").await;
    bob.put(one(&room, &root), json!({"automatic": 5}))
        .unspecified()
        .fails(400, "M_BAD_JSON")
        .await;
    automatic(&cause).await;
    let found = bob.get(one(&room, &root)).unspecified().await;
    assert_eq!(found, json!({"automatic": true}));
    bob.put(one(&room, &root), json!({})).unspecified().await;
    automatic(&cause).await;
    let found = bob.get(one(&room, &root)).unspecified().await;
    assert_eq!(found, json!({"automatic": false}), "a person's wish stays");

    bob.delete(one(&room, &root)).unspecified().await;
    bob.delete(one(&room, &root)).unspecified().await;
    bob.get(one(&room, &root))
        .unspecified()
        .fails(404, "M_NOT_FOUND")
        .await;
    automatic(&cause).fails(409, CONFLICT).await;
    let later = reply(&alice, &room, &root).await;
    automatic(&later).await;
    assert_eq!(
        bob.get(one(&room, &root)).unspecified().await,
        json!({"automatic": true})
    );
    // What others follow is theirs.
    alice
        .get(one(&room, &root))
        .unspecified()
        .fails(404, "M_NOT_FOUND")
        .await;
}

#[tokio::test]
async fn changes_are_listed_newest_first() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let mut roots = Vec::new();
    for number in 0..5 {
        let root = alice.say(&room, &format!("Thread {number}")).await;
        alice.put(one(&room, &root), json!({})).unspecified().await;
        roots.push(root);
    }
    let before = alice.reader().now().await;
    let token = before["next_batch"].as_str().expect("a token").to_owned();
    alice.delete(one(&room, &roots[0])).unspecified().await;
    let all = list(&alice).query("dir", "b").await;
    let left = &all["unsubscribed"][&room];
    assert_eq!(left.as_object().map(serde_json::Map::len), Some(1));
    assert!(stamp(&left[&roots[0]]) > stamp(&all["subscribed"][&room][&roots[4]]));
    assert!(all["end"].is_null());

    let mut from: Option<String> = None;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let call = list(&alice).query("dir", "b").query("limit", 2);
        let page = match &from {
            Some(from) => call.query("from", from).await,
            None => call.await,
        };
        for part in ["unsubscribed", "subscribed"] {
            let threads = page[part][&room].as_object().into_iter().flatten();
            seen.extend(threads.map(|(root, shown)| (stamp(shown), root.clone())));
        }
        from = page["end"].as_str().map(str::to_owned);
        if from.is_none() {
            break;
        }
    }
    seen.sort_unstable();
    let seen: Vec<String> = seen.into_iter().map(|(_, root)| root).collect();
    roots.rotate_left(1);
    assert_eq!(seen, roots, "each once");

    let news = list(&alice).query("dir", "b").query("to", &token).await;
    assert_eq!(news["subscribed"], json!({}));
    assert!(news["unsubscribed"][&room][&roots[4]].is_object());

    list(&alice).fails(400, "M_MISSING_PARAM").await;
    for (name, value) in [("dir", "f"), ("limit", "0"), ("from", "x"), ("to", "s-1")] {
        let call = list(&alice);
        let call = if name == "dir" {
            call
        } else {
            call.query("dir", "b")
        };
        call.query(name, value).fails(400, "M_INVALID_PARAM").await;
    }
}
