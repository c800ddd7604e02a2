//! Rooms that were there before anybody of this server came.

use std::time::Duration;

use causeway_testkit::{TestClient, TestServer, v3};
use serde_json::json;

use super::rooms::two;

fn via(room: &str, server: &TestServer) -> String {
    format!("{}?via={}", v3(&["join", room]), server.name())
}

/// The texts of all messages that somebody can page back to, newest first, and how many pages that
/// took.
async fn page_back(who: &TestClient, room: &str) -> (Vec<String>, usize) {
    let (mut texts, mut from, mut pages) = (Vec::new(), None::<String>, 0);
    while pages < 50 {
        let mut request = who
            .get(v3(&["rooms", room, "messages"]))
            .query("dir", "b")
            .query("limit", "20");
        if let Some(from) = &from {
            request = request.query("from", from);
        }
        let page = request.await;
        pages += 1;
        let bodies = page["chunk"].as_array().expect("a chunk").iter();
        let bodies = bodies.filter_map(|event| event["content"]["body"].as_str());
        texts.extend(bodies.map(ToOwned::to_owned));
        match page["end"].as_str() {
            Some(end) => from = Some(end.to_owned()),
            None => return (texts, pages),
        }
    }
    panic!("the pages do not end");
}

#[tokio::test]
async fn what_was_said_before_comes_as_one_pages_back() {
    let (here, there) = two().await;
    let alice = here.user("alice").await;
    let bob = there.user("bob").await;
    let mallory = there.user("mallory").await;
    for version in ["1", "6", "11", "12"] {
        let body = json!({"preset": "public_chat", "room_version": version});
        let room = alice.create_room(body).await;
        let mut said: Vec<String> = Vec::new();
        for n in 0..230 {
            let text = format!("old {n}");
            alice.say(&room, &text).await;
            if n % 50 == 7 {
                let topic = json!({"topic": text});
                alice.set_state(&room, "m.room.topic", "", topic).await;
            }
            said.insert(0, text);
        }
        bob.post(via(&room, &here), json!({})).await;
        let (texts, pages) = page_back(&bob, &room).await;
        assert_eq!(texts, said, "version {version}");
        assert!(pages < 20, "{pages} pages");
        // It stays: the other server is not asked again.
        let (again, _) = page_back(&bob, &room).await;
        assert_eq!(again, said);
        mallory
            .get(v3(&["rooms", &room, "messages"]))
            .query("dir", "b")
            .fails(403, "M_FORBIDDEN")
            .await;
    }
}

#[tokio::test]
async fn history_that_nobody_can_give_ends_the_pages_until_somebody_can() {
    let (mut here, there) = two().await;
    let alice = here.user("alice").await;
    let bob = there.user("bob").await;
    let room = alice.create_room(json!({"preset": "public_chat"})).await;
    alice.say(&room, "lost").await;
    bob.post(via(&room, &here), json!({})).await;
    here.stop().await;
    bob.say(&room, "Is anybody there?").await;
    let (texts, _) = page_back(&bob, &room).await;
    assert_eq!(texts, ["Is anybody there?"]);
    // It is asked again as soon as it speaks.
    here.restart().await;
    alice.say(&room, "Yes").await;
    for _ in 0..100 {
        let (texts, _) = page_back(&bob, &room).await;
        if texts == ["Yes", "Is anybody there?", "lost"] {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("what was lost does not come");
}

#[tokio::test]
async fn a_room_whose_power_levels_were_changed_is_joined() {
    let (here, there) = two().await;
    let alice = here.user("alice").await;
    let helper = here.user("helper").await;
    let bob = there.user("bob").await;
    for version in ["6", "11", "12"] {
        let body = json!({"preset": "public_chat", "room_version": version});
        let room = alice.create_room(body).await;
        helper.join(&room).await;
        for level in [50, 60] {
            let mut levels = alice.state(&room, "m.room.power_levels", "").await;
            levels["users"][helper.id()] = json!(level);
            alice
                .set_state(&room, "m.room.power_levels", "", levels)
                .await;
            helper
                .set_state(
                    &room,
                    "m.room.topic",
                    "",
                    json!({"topic": level.to_string()}),
                )
                .await;
        }
        bob.post(via(&room, &here), json!({})).await;
        let topic = bob.state(&room, "m.room.topic", "").await;
        assert_eq!(topic["topic"], "60", "version {version}");
    }
}
