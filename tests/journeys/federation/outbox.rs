//! What goes to other servers, once and in order, whatever becomes of them and of us.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use causeway_testkit::remote::{Heard, Said};
use causeway_testkit::{TestClient, v3};
use reqwest::Method;
use serde_json::{Value, json};

use super::Pair;

const SEND: &str = "/_matrix/federation/v1/send/";

/// Longest time until something arrives that is on its way.
const SOON: Duration = Duration::from_secs(15);

/// Lets the other server take what it is sent, as long as `works`.
fn answer(pair: &Pair, works: &Arc<AtomicBool>) {
    let works = works.clone();
    pair.theirs.on(Method::PUT, SEND, move |_| {
        if works.load(Ordering::SeqCst) {
            Said::json(&json!({"pdus": {}}))
        } else {
            Said::status(502, &json!({}))
        }
    });
}

async fn tell(alice: &TestClient, bob: &str, number: u32) {
    let transaction = format!("t{number}");
    let path = v3(&["sendToDevice", "org.example.bell", &transaction]);
    let body = json!({"messages": {bob: {"*": {"number": number}}}});
    alice.put(path, body).await;
}

/// The numbers that arrived, in order, each with the id of its message.
fn numbers(heard: &[Heard]) -> Vec<(u64, String)> {
    let sent = heard.iter().filter(|it| it.path.starts_with(SEND));
    let edus = sent.flat_map(|it| it.body["edus"].as_array().cloned().unwrap_or_default());
    let messages = edus.filter(|edu| edu["edu_type"] == "m.direct_to_device");
    messages
        .map(|edu| {
            let content = &edu["content"];
            let of = content["messages"].as_object().expect("messages");
            let content_of = of.values().next().expect("somebody")["*"].clone();
            let id = content["message_id"].as_str().expect("an id").to_owned();
            (content_of["number"].as_u64().expect("a number"), id)
        })
        .collect()
}

async fn wait_for(pair: &Pair, count: usize) -> Vec<(u64, String)> {
    let arrived = async {
        loop {
            let arrived = numbers(&pair.theirs.heard().await);
            if arrived.len() >= count {
                return arrived;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, arrived)
        .await
        .expect("it arrives")
}

#[tokio::test]
async fn messages_to_devices_arrive_once_and_in_order() {
    let pair = Pair::start().await;
    answer(&pair, &Arc::new(AtomicBool::new(true)));
    let alice = pair.ours.user("alice").await;
    let bob = pair.theirs.user_id("bob");
    for number in 1..=20 {
        tell(&alice, &bob, number).await;
    }
    let arrived = wait_for(&pair, 20).await;
    let in_order: Vec<u64> = arrived.iter().map(|(number, _)| *number).collect();
    assert_eq!(in_order, (1..=20).collect::<Vec<_>>());
    let heard = pair.theirs.heard().await;
    let first = heard
        .iter()
        .find(|it| it.path.starts_with(SEND))
        .expect("a transaction");
    assert_eq!(first.body["origin"], Value::String(pair.ours.name()));
    assert!(first.authorization.contains("X-Matrix"));
}

#[tokio::test]
async fn a_server_that_was_away_gets_what_it_missed() {
    let mut pair = Pair::start().await;
    let works = Arc::new(AtomicBool::new(false));
    answer(&pair, &works);
    let alice = pair.ours.user("alice").await;
    let bob = pair.theirs.user_id("bob");
    tell(&alice, &bob, 1).await;
    let refused = async {
        while pair.theirs.heard().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, refused)
        .await
        .expect("an attempt");
    for number in 2..=5 {
        tell(&alice, &bob, number).await;
    }
    // What is not sent survives the end of this server, however it comes.
    pair.ours.kill().await;
    pair.ours.restart().await;
    tell(&alice, &bob, 6).await;
    let before = numbers(&pair.theirs.heard().await).len();
    works.store(true, Ordering::SeqCst);
    // It speaks, so it is there again.
    pair.call(
        "GET",
        "/_matrix/federation/v1/query/profile?user_id=@nobody:x",
    )
    .send()
    .await;
    let arrived = wait_for(&pair, before + 6).await;
    let taken: Vec<u64> = arrived[before..]
        .iter()
        .map(|(number, _)| *number)
        .collect();
    assert_eq!(taken, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn operators_see_who_lacks_what() {
    let pair = Pair::start().await;
    let works = Arc::new(AtomicBool::new(false));
    answer(&pair, &works);
    let status = |all: &[&str]| {
        pair.ours
            .command(&[&["federation", "status"], all].concat())
    };
    assert_eq!(status(&[]), "All servers have what they are to get.\n");
    let alice = pair.ours.user("alice").await;
    let bob = pair.theirs.user_id("bob");
    tell(&alice, &bob, 1).await;
    let mut shown = String::new();
    for _ in 0..100 {
        shown = status(&[]);
        if shown.starts_with(pair.theirs.name()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let first = shown.lines().next().expect("a line").to_owned();
    let parts: Vec<&str> = first.split('\t').collect();
    assert_eq!(parts[0], pair.theirs.name());
    assert!(parts[1].starts_with("failed "), "{first}");
    assert!(parts[3].starts_with("lacks things since "), "{first}");
    assert!(parts[5].contains("502"), "{first}");

    works.store(true, Ordering::SeqCst);
    wait_for(&pair, 1).await;
    for _ in 0..100 {
        if status(&[]).starts_with("All servers") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(status(&[]), "All servers have what they are to get.\n");
    let all = status(&["--all"]);
    assert!(all.starts_with(pair.theirs.name()), "{all}");
    assert!(all.contains("took something"), "{all}");
}
