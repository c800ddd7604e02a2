//! Limited timelines and the history behind them join without loss or repeat.

use causeway_testkit::reader::{ids, joined, timeline};
use causeway_testkit::{Follower, TestServer};
use serde_json::json;

#[tokio::test]
async fn gaps_are_filled_from_prev_batch() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    let filter = json!({"room": {"timeline": {"limit": 4}}});
    let mut follower = Follower::new(bob.reader().with_filter(&filter), &room);
    follower.round(0).await;
    for burst in [1, 3, 4, 5, 30, 2, 60] {
        alice.say_many(&room, burst).await;
        follower.round(0).await;
    }
    assert!(
        follower.gaps >= 4,
        "{} timelines were limited",
        follower.gaps
    );
    let history = ids(&bob.all_messages(&room, "f", 13).await);
    assert_eq!(follower.order(), history);
}

#[tokio::test]
async fn while_others_write_nothing_is_lost_or_repeated() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let mut writers = Vec::new();
    for name in ["bob", "carol", "dave"] {
        let writer = server.user(name).await;
        writer.join(&room).await;
        let room = room.clone();
        writers.push(tokio::spawn(
            async move { writer.say_many(&room, 60).await },
        ));
    }
    let mut followers = Vec::new();
    for limit in [1, 3, 100] {
        let filter = json!({"room": {"timeline": {"limit": limit}}});
        followers.push(Follower::new(alice.reader().with_filter(&filter), &room));
    }
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        for follower in &mut followers {
            follower.round(50).await;
        }
    }
    let history = ids(&alice.all_messages(&room, "f", 50).await);
    for mut follower in followers {
        follower.round(0).await;
        assert_eq!(follower.order(), history);
    }
    for writer in writers {
        let sent = writer.await.expect("a writer");
        let kept: Vec<_> = history.iter().filter(|id| sent.contains(id)).collect();
        assert_eq!(
            kept,
            sent.iter().collect::<Vec<_>>(),
            "each writer's own order holds"
        );
    }
}

#[tokio::test]
async fn an_absence_ends_in_one_gap() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    let mut reader = bob.caught_up().await;
    bob.leave(&room).await;
    reader.now().await;
    alice.say_many(&room, 20).await;
    bob.join(&room).await;
    alice.say_many(&room, 2).await;
    let sync = reader.now().await;
    let shown = timeline(&sync, &room);
    assert!(
        shown.iter().any(|event| event["state_key"] == bob.id()),
        "{sync}"
    );
    let prev = joined(&sync, &room)["timeline"]["prev_batch"].clone();
    let page = bob.messages(&room, "b", prev.as_str(), 100).await;
    let mut back = ids(page["chunk"].as_array().expect("a page"));
    back.reverse();
    back.extend(ids(shown));
    assert_eq!(back, ids(&bob.all_messages(&room, "f", 50).await));
}
