//! What is unread: counts in `/sync` after any order of messages, receipts, edits, redactions.

use causeway_testkit::reader::{ids, joined, timeline};
use causeway_testkit::{Reader, TestClient, TestServer, v3};
use serde_json::{Value, json};

/// Notifications and highlights of the room in an answer, if it says.
fn unread(sync: &Value, room: &str) -> Option<(u64, u64)> {
    pair(&joined(sync, room)["unread_notifications"])
}

fn pair(counts: &Value) -> Option<(u64, u64)> {
    Some((
        counts["notification_count"].as_u64()?,
        counts["highlight_count"].as_u64()?,
    ))
}

/// Syncs until the event is there and gives the counts that stand beside it.
async fn with_event(reader: &mut Reader, room: &str, event: &str) -> (u64, u64) {
    let answer = reader.until_event(room, event).await;
    unread(&answer, room).expect("counts beside an event")
}

/// Syncs until the room's counts are these.
async fn until_unread(reader: &mut Reader, room: &str, wanted: (u64, u64)) {
    let what = format!("{wanted:?} in {room}");
    reader
        .until(&what, |sync| unread(sync, room) == Some(wanted))
        .await;
}

async fn read(client: &TestClient, room: &str, kind: &str, event: &str, thread: Option<&str>) {
    let body = thread.map_or_else(|| json!({}), |thread| json!({"thread_id": thread}));
    client
        .post(v3(&["rooms", room, "receipt", kind, event]), body)
        .await;
}

fn mention(user: &str) -> Value {
    json!({"msgtype": "m.text", "body": "you", "m.mentions": {"user_ids": [user]}})
}

/// Alice's room with Bob and Carol in it, and Bob's reader.
async fn three(server: &TestServer) -> (TestClient, TestClient, TestClient, String, Reader) {
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let carol = server.user("carol").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    carol.join(&room).await;
    let reader = bob.caught_up().await;
    (alice, bob, carol, room, reader)
}

#[tokio::test]
async fn each_event_comes_with_the_count_that_includes_it() {
    let server = TestServer::start().await;
    let (alice, bob, carol, room, mut reader) = three(&server).await;
    for count in 1..=3 {
        let event = alice.say(&room, "news").await;
        assert_eq!(with_event(&mut reader, &room, &event).await, (count, 0));
    }
    let event = alice.send(&room, "m.room.message", mention(bob.id())).await;
    assert_eq!(with_event(&mut reader, &room, &event).await, (4, 1));
    let event = alice
        .send(&room, "m.room.message", mention(carol.id()))
        .await;
    assert_eq!(with_event(&mut reader, &room, &event).await, (5, 1));
    // Bob's own words are no news to him, nor do they say that he has read the others.
    let event = bob.say(&room, "mine").await;
    assert_eq!(with_event(&mut reader, &room, &event).await, (5, 1));
    // What changes or comments other events is none either.
    let content = json!({
        "msgtype": "m.text", "body": "* edit", "m.new_content": {"msgtype": "m.text", "body": "edit"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": event},
    });
    let edit = alice.send(&room, "m.room.message", content).await;
    assert_eq!(with_event(&mut reader, &room, &edit).await, (5, 1));
    let content =
        json!({"m.relates_to": {"rel_type": "m.annotation", "event_id": event, "key": "+"}});
    let reaction = alice.send(&room, "m.reaction", content).await;
    assert_eq!(with_event(&mut reader, &room, &reaction).await, (5, 1));
    let notice = json!({"msgtype": "m.notice", "body": "beep"});
    let notice = alice.send(&room, "m.room.message", notice).await;
    assert_eq!(with_event(&mut reader, &room, &notice).await, (5, 1));
    // The sender of all that has one unread message: Bob's.
    assert_eq!(unread(&alice.reader().now().await, &room), Some((1, 0)));
    // A client that starts anew, or comes from a token of its own, is told the same.
    assert_eq!(unread(&bob.reader().now().await, &room), Some((5, 1)));
}

#[tokio::test]
async fn receipts_count_anew_and_are_told_to_other_devices() {
    let server = TestServer::start().await;
    let (alice, bob, _, room, mut reader) = three(&server).await;
    let events = alice.say_many(&room, 5).await;
    until_unread(&mut reader, &room, (5, 0)).await;
    read(&bob, &room, "m.read", &events[1], None).await;
    until_unread(&mut reader, &room, (3, 0)).await;
    // The one that is ahead counts, whoever may see it.
    read(&bob, &room, "m.read.private", &events[3], None).await;
    until_unread(&mut reader, &room, (1, 0)).await;
    read(&bob, &room, "m.read", &events[2], None).await;
    let last = alice.say(&room, "more").await;
    assert_eq!(with_event(&mut reader, &room, &last).await, (2, 0));
    // Going back is passed over.
    read(&bob, &room, "m.read.private", &events[0], None).await;
    read(&bob, &room, "m.read", &last, None).await;
    until_unread(&mut reader, &room, (0, 0)).await;
    assert_eq!(unread(&bob.reader().now().await, &room), Some((0, 0)));
    // Clients that do not want to hear of receipts hear of the counts.
    let filter = json!({"room": {"ephemeral": {"types": []}, "timeline": {"types": []}}});
    let mut blind = bob.reader().with_filter(&filter);
    blind.now().await;
    let event = alice.say(&room, "again").await;
    until_unread(&mut blind, &room, (1, 0)).await;
    read(&bob, &room, "m.read.private", &event, None).await;
    until_unread(&mut blind, &room, (0, 0)).await;
}

#[tokio::test]
async fn redacted_events_count_no_more() {
    let server = TestServer::start().await;
    let (alice, bob, _, room, mut reader) = three(&server).await;
    let first = alice.say(&room, "one").await;
    let second = alice.send(&room, "m.room.message", mention(bob.id())).await;
    let own = bob.say(&room, "mine").await;
    assert_eq!(with_event(&mut reader, &room, &own).await, (2, 1));
    alice.redact(&room, &second).await;
    until_unread(&mut reader, &room, (1, 0)).await;
    bob.redact(&room, &own).await;
    let third = alice.say(&room, "three").await;
    assert_eq!(with_event(&mut reader, &room, &third).await, (2, 0));
    // What was read before is not counted down.
    read(&bob, &room, "m.read", &first, None).await;
    until_unread(&mut reader, &room, (1, 0)).await;
    alice.redact(&room, &first).await;
    let fourth = alice.say(&room, "four").await;
    assert_eq!(with_event(&mut reader, &room, &fourth).await, (2, 0));
    assert_eq!(unread(&bob.reader().now().await, &room), Some((2, 0)));
}

#[tokio::test]
async fn threads_are_counted_apart_for_those_who_ask() {
    let server = TestServer::start().await;
    let (alice, bob, _, room, mut whole) = three(&server).await;
    let filter = json!({"room": {"timeline": {"unread_thread_notifications": true}}});
    let mut reader = bob.reader().with_filter(&filter);
    reader.now().await;
    let root = alice.say(&room, "root").await;
    let in_thread = |text: &str| json!({"msgtype": "m.text", "body": text, "m.relates_to": {"rel_type": "m.thread", "event_id": root}});
    let first = alice.send(&room, "m.room.message", in_thread("one")).await;
    let mut second = in_thread("two");
    second["m.mentions"] = json!({"user_ids": [bob.id()]});
    let second = alice.send(&room, "m.room.message", second).await;
    // A reply in the thread that names no thread itself is in it all the same.
    let content = json!({"msgtype": "m.text", "body": "file", "m.relates_to": {"rel_type": "m.reference", "event_id": first}});
    let third = alice.send(&room, "m.room.message", content).await;
    let threads = |sync: &Value| {
        let counts = &joined(sync, &room)["unread_thread_notifications"];
        counts.as_object().map(|counts| {
            counts
                .iter()
                .map(|(root, counts)| (root.clone(), pair(counts).expect("counts")))
                .collect::<Vec<_>>()
        })
    };
    let answer = reader
        .until("the thread", |sync| {
            ids(timeline(sync, &room)).contains(&third)
        })
        .await;
    assert_eq!(unread(&answer, &room), Some((1, 0)), "{answer}");
    assert_eq!(
        threads(&answer),
        Some(vec![(root.clone(), (3, 1))]),
        "{answer}"
    );
    until_unread(&mut whole, &room, (4, 1)).await;
    // Reading the room's own timeline leaves the thread, and the other way round.
    read(&bob, &room, "m.read", &root, Some("main")).await;
    until_unread(&mut whole, &room, (3, 1)).await;
    read(&bob, &room, "m.read", &second, Some(&root)).await;
    let answer = reader
        .until("one left", |sync| {
            threads(sync) == Some(vec![(root.clone(), (1, 0))])
        })
        .await;
    assert_eq!(unread(&answer, &room), Some((0, 0)));
    let fresh = bob.reader().with_filter(&filter).now().await;
    assert_eq!(threads(&fresh), Some(vec![(root.clone(), (1, 0))]));
    // A receipt without a thread reads all.
    let last = alice.say(&room, "after").await;
    read(&bob, &room, "m.read", &last, None).await;
    until_unread(&mut whole, &room, (0, 0)).await;
    let fresh = bob.reader().with_filter(&filter).now().await;
    assert_eq!(threads(&fresh), Some(vec![]));
}

async fn put_rule(client: &TestClient, kind: &str, id: &str, body: Value) {
    client
        .put(v3(&["pushrules", "global", kind, id]), body)
        .await;
}

#[tokio::test]
async fn rules_of_ones_own_count_from_when_they_were_set() {
    let server = TestServer::start().await;
    let (alice, bob, carol, room, mut reader) = three(&server).await;
    alice.say(&room, "before").await;
    put_rule(&bob, "room", &room, json!({"actions": []})).await;
    let cake = json!({"pattern": "cake", "actions": ["notify", {"set_tweak": "highlight"}]});
    put_rule(&bob, "content", "cake", cake).await;
    alice.say(&room, "muted").await;
    let event = alice.say(&room, "CAKE!").await;
    assert_eq!(with_event(&mut reader, &room, &event).await, (2, 1));
    assert_eq!(unread(&carol.reader().now().await, &room), Some((3, 0)));
    // A mention is an override rule, and comes before the room's.
    let event = alice.send(&room, "m.room.message", mention(bob.id())).await;
    assert_eq!(with_event(&mut reader, &room, &event).await, (3, 2));
    bob.delete(v3(&["pushrules", "global", "room", &room]))
        .await;
    let event = alice.say(&room, "heard").await;
    assert_eq!(with_event(&mut reader, &room, &event).await, (4, 2));
    // Everything off.
    let master = v3(&[
        "pushrules",
        "global",
        "override",
        ".m.rule.master",
        "enabled",
    ]);
    bob.put(&master, json!({"enabled": true})).await;
    let event = alice.send(&room, "m.room.message", mention(bob.id())).await;
    assert_eq!(with_event(&mut reader, &room, &event).await, (4, 2));
    read(&bob, &room, "m.read", &event, None).await;
    until_unread(&mut reader, &room, (0, 0)).await;
}

#[tokio::test]
async fn whom_one_ignores_does_not_count() {
    let server = TestServer::start().await;
    let (alice, bob, carol, room, mut reader) = three(&server).await;
    let list = v3(&["user", bob.id(), "account_data", "m.ignored_user_list"]);
    bob.put(&list, json!({"ignored_users": {carol.id(): {}}}))
        .await;
    carol.say(&room, "unheard").await;
    carol.send(&room, "m.room.message", mention(bob.id())).await;
    let event = alice.say(&room, "heard").await;
    assert_eq!(with_event(&mut reader, &room, &event).await, (1, 0));
    assert_eq!(unread(&alice.reader().now().await, &room), Some((2, 0)));
    bob.put(&list, json!({"ignored_users": {}})).await;
    let event = carol.say(&room, "heard again").await;
    assert_eq!(with_event(&mut reader, &room, &event).await, (2, 0));
}

#[tokio::test]
async fn newcomers_start_with_nothing_unread() {
    let server = TestServer::start().await;
    let (alice, bob, _, room, mut reader) = three(&server).await;
    alice.say_many(&room, 3).await;
    let dave = server.user("dave").await;
    alice.invite(&room, dave.id()).await;
    dave.join(&room).await;
    let mut daves = dave.reader();
    assert_eq!(unread(&daves.now().await, &room), Some((0, 0)));
    let event = alice.say(&room, "welcome").await;
    assert_eq!(with_event(&mut daves, &room, &event).await, (1, 0));
    // Who leaves and comes back has nothing unread either.
    until_unread(&mut reader, &room, (4, 0)).await;
    bob.leave(&room).await;
    alice.say(&room, "without bob").await;
    bob.join(&room).await;
    let event = alice.say(&room, "with bob").await;
    let answer = reader.until_event(&room, &event).await;
    assert_eq!(unread(&answer, &room), Some((1, 0)));
}

#[tokio::test]
async fn counts_outlive_the_server() {
    let mut server = TestServer::start().await;
    let (alice, bob, _, room, mut reader) = three(&server).await;
    put_rule(
        &alice,
        "content",
        "cake",
        json!({"pattern": "cake", "actions": []}),
    )
    .await;
    bob.say(&room, "to alice").await;
    let events = alice.say_many(&room, 20).await;
    let token = reader.token().expect("a token").to_owned();
    server.kill().await;
    server.restart().await;
    until_unread(&mut reader, &room, (20, 0)).await;
    assert_eq!(unread(&alice.reader().now().await, &room), Some((1, 0)));
    read(&bob, &room, "m.read", &events[9], None).await;
    until_unread(&mut reader, &room, (10, 0)).await;
    server.kill().await;
    server.restart().await;
    // A device that was away for all of it.
    reader.set_token(&token);
    let answer = reader.now().await;
    assert_eq!(unread(&answer, &room), Some((10, 0)), "{answer}");
}

#[tokio::test]
async fn counting_costs_the_same_for_3_and_for_60_rooms() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let mut costs = Vec::new();
    for (name, count) in [("bob", 3), ("carol", 60)] {
        let reader = server.user(name).await;
        for _ in 0..count {
            let room = alice.create_public_room().await;
            reader.join(&room).await;
            alice.say(&room, "news").await;
        }
        let sync = reader.reader().now().await;
        let rooms = sync["rooms"]["join"].as_object().expect("rooms");
        assert_eq!(rooms.len(), count);
        for room in rooms.keys() {
            assert_eq!(unread(&sync, room), Some((1, 0)));
        }
        let lines = server.requests();
        let line = lines
            .iter()
            .rfind(|line| line.mentions("/sync"))
            .expect("a line");
        costs.push(line.queries());
    }
    assert_eq!(costs[0], costs[1]);
}

#[tokio::test]
async fn notifications_are_listed_page_by_page() {
    let server = TestServer::start().await;
    let (alice, bob, _, room, _) = three(&server).await;
    let invited_to = alice.create_room(json!({})).await;
    alice.invite(&invited_to, bob.id()).await;
    let events = alice.say_many(&room, 5).await;
    let highlight = alice.send(&room, "m.room.message", mention(bob.id())).await;
    bob.say(&room, "my own").await;
    read(&bob, &room, "m.read", &events[4], None).await;
    alice.redact(&room, &events[0]).await;
    let at = v3(&["notifications"]);
    let list = async |from: Option<&str>, only: &str, limit: u64| -> Value {
        let call = bob.get(&at).query("limit", limit);
        let call = if only.is_empty() {
            call
        } else {
            call.query("only", only)
        };
        match from {
            Some(from) => call.query("from", from).await,
            None => call.await,
        }
    };
    let shown = |page: &Value| -> Vec<(String, bool)> {
        let list = page["notifications"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        list.iter()
            .map(|it| {
                let id = it["event"]["event_id"].as_str().expect("an id").to_owned();
                (id, it["read"].as_bool().expect("a flag"))
            })
            .collect()
    };
    // The reader of push rules may be a moment behind.
    let mut all = list(None, "", 50).await;
    for _ in 0..200 {
        if shown(&all).len() == 6 && shown(&all)[1].1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        all = list(None, "", 50).await;
    }
    let mut wanted = vec![(highlight.clone(), false)];
    wanted.extend(events[1..].iter().rev().map(|event| (event.clone(), true)));
    assert_eq!(shown(&all)[..5], wanted, "{all}");
    assert_eq!(all["notifications"][5]["room_id"], invited_to, "{all}");
    assert_eq!(all["notifications"][1]["actions"], json!(["notify"]));
    assert!(all.get("next_token").is_none());
    let mut pages = Vec::new();
    let mut from: Option<String> = None;
    loop {
        let page = list(from.as_deref(), "", 2).await;
        pages.extend(shown(&page));
        match page["next_token"].as_str() {
            Some(next) => from = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(pages, shown(&all));
    let highlights = list(None, "highlight", 50).await;
    assert_eq!(shown(&highlights), [(highlight, false)]);
    bob.get(&at)
        .query("from", "x")
        .fails(400, "M_INVALID_PARAM")
        .await;
}
