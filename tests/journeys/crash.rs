//! Killing the server, again and again, under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use causeway_testkit::reader::{bodies, ids};
use causeway_testkit::{Follower, TestClient, TestServer, v3};
use serde_json::json;

const WRITERS: usize = 4;
const KILLS: usize = 5;

/// Sends numbered messages until told to stop, each again and again until it is acknowledged.
/// Gives the acknowledged event ids in order.
async fn write(
    client: TestClient,
    room: String,
    name: usize,
    stop: Arc<AtomicBool>,
) -> Vec<String> {
    let mut acknowledged = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let number = acknowledged.len();
        let content = json!({"msgtype": "m.text", "body": format!("{name}.{number}")});
        let at = v3(&[
            "rooms",
            &room,
            "send",
            "m.room.message",
            &format!("n{number}"),
        ]);
        loop {
            match client.put(&at, content.clone()).try_reply().await {
                Ok(reply) if reply.status == 200 => {
                    let id = reply.json()["event_id"].as_str().expect("an id").to_owned();
                    acknowledged.push(id);
                    break;
                }
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
    acknowledged
}

async fn follow(mut follower: Follower, stop: Arc<AtomicBool>) -> Follower {
    while !stop.load(Ordering::Relaxed) {
        if !follower.try_round(200).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    follower
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_event_is_lost_and_no_token_skips_or_repeats() {
    let mut server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for number in 0..WRITERS {
        let writer = server.user(&format!("writer{number}")).await;
        writer.join(&room).await;
        writers.push(tokio::spawn(write(
            writer,
            room.clone(),
            number,
            Arc::clone(&stop),
        )));
    }
    let mut followers = Vec::new();
    for limit in [2, 50] {
        let filter = json!({"room": {"timeline": {"limit": limit}}});
        let follower = Follower::new(alice.reader().with_filter(&filter), &room);
        followers.push(tokio::spawn(follow(follower, Arc::clone(&stop))));
    }
    for kill in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(250 + 130 * kill as u64)).await;
        server.kill().await;
        server.restart().await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::Relaxed);

    let mut sent = Vec::new();
    for writer in writers {
        sent.push(writer.await.expect("a writer"));
    }
    let history = alice.all_messages(&room, "f", 100).await;
    let order = ids(&history);
    for (number, acknowledged) in sent.iter().enumerate() {
        assert!(!acknowledged.is_empty(), "writer {number} wrote nothing");
        let kept: Vec<_> = order
            .iter()
            .filter(|id| acknowledged.contains(id))
            .collect();
        assert_eq!(
            kept,
            acknowledged.iter().collect::<Vec<_>>(),
            "writer {number}"
        );
        // Sent again with its transaction id, a message stands in the room once.
        let prefix = format!("{number}.");
        let said: Vec<_> = bodies(&history)
            .into_iter()
            .filter(|body| body.starts_with(&prefix))
            .collect();
        let expected: Vec<_> = (0..acknowledged.len())
            .map(|n| format!("{number}.{n}"))
            .collect();
        assert_eq!(said, expected, "writer {number}");
    }
    for follower in followers {
        let mut follower = follower.await.expect("a follower");
        follower.round(0).await;
        assert_eq!(follower.order(), order);
    }
}

#[tokio::test]
async fn what_was_acknowledged_before_a_kill_is_there_after_it() {
    let mut server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let data = v3(&["user", alice.id(), "account_data", "org.example.kept"]);
    for round in 0..3 {
        let event = alice.say(&room, &format!("round {round}")).await;
        alice.put(&data, json!({"round": round})).await;
        let receipt = v3(&["rooms", &room, "receipt", "m.read", &event]);
        alice.post(receipt, json!({})).await;
        server.kill().await;
        server.restart().await;
        assert_eq!(
            alice.event(&room, &event).await["content"]["body"],
            format!("round {round}")
        );
        assert_eq!(alice.get(&data).await["round"], round);
        let sync = alice.reader().now().await;
        let shown = causeway_testkit::reader::ephemeral(&sync, &room);
        assert!(
            json!(shown).to_string().contains(&event),
            "the receipt is lost"
        );
    }
}
