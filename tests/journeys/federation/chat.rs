//! People of two and three servers in one room.

use causeway_testkit::follower::Follower;
use causeway_testkit::reader::{ephemeral, of_type};
use causeway_testkit::{Authority, ServerOptions, TestClient, TestServer, v3};
use serde_json::json;

use super::rooms::{becomes, two};

/// Follows a room until it has shown these events, which must come in this order, each once.
async fn sees(follower: &mut Follower, events: &[String]) {
    let shown = |follower: &Follower| {
        let order = follower.order().iter();
        let ours: Vec<String> = order.filter(|id| events.contains(id)).cloned().collect();
        ours
    };
    for _ in 0..200 {
        if shown(follower).len() >= events.len() {
            break;
        }
        follower.round(500).await;
    }
    assert_eq!(shown(follower), events);
}

async fn say(who: &TestClient, room: &str, count: usize) -> Vec<String> {
    who.say_many(room, count).await
}

#[tokio::test]
async fn messages_of_both_sides_arrive_once_and_in_order() {
    let (here, there) = two().await;
    let alice = here.user("alice").await;
    let bob = there.user("bob").await;
    let room = alice.create_room(json!({"preset": "private_chat"})).await;
    alice.invite(&room, bob.id()).await;
    bob.join(&room).await;
    becomes(&alice, &room, bob.id(), "join").await;
    let mut alices = Follower::new(alice.caught_up().await, &room);
    let mut bobs = Follower::new(bob.caught_up().await, &room);
    let (hers, his) = tokio::join!(say(&alice, &room, 40), say(&bob, &room, 40));
    sees(&mut bobs, &hers).await;
    sees(&mut alices, &his).await;

    let last = his.last().expect("a message");
    let mut reader = bob.caught_up().await;
    alice
        .post(v3(&["rooms", &room, "receipt", "m.read", last]), json!({}))
        .await;
    let read = |sync: &serde_json::Value| {
        of_type(ephemeral(sync, &room), "m.receipt")
            .is_some_and(|it| !it["content"][last]["m.read"][alice.id()].is_null())
    };
    reader.until("the receipt", read).await;

    alice.kick(&room, bob.id()).await;
    becomes(&bob, &room, bob.id(), "leave").await;
}

#[tokio::test]
async fn what_was_said_while_a_server_was_away_arrives_there() {
    let (here, mut there) = two().await;
    let alice = here.user("alice").await;
    let bob = there.user("bob").await;
    let room = alice.create_public_room().await;
    bob.post(
        format!("{}?via={}", v3(&["join", &room]), here.name()),
        json!({}),
    )
    .await;
    becomes(&alice, &room, bob.id(), "join").await;
    let mut bobs = Follower::new(bob.caught_up().await, &room);
    there.kill().await;
    let missed = say(&alice, &room, 30).await;
    there.restart().await;
    // Whatever it says makes it heard.
    bob.say(&room, "I am back").await;
    let more = say(&alice, &room, 3).await;
    sees(&mut bobs, &[missed, more].concat()).await;
}

#[tokio::test]
async fn who_comes_through_one_server_is_known_to_the_others() {
    let authority = Authority::new();
    let start = || TestServer::start_with(ServerOptions::default().federating(&authority));
    let (here, there, yonder) = tokio::join!(start(), start(), start());
    let alice = here.user("alice").await;
    let bob = there.user("bob").await;
    let carol = yonder.user("carol").await;
    let room = alice.create_public_room().await;
    let via = format!("{}?via={}", v3(&["join", &room]), here.name());
    bob.post(&via, json!({})).await;
    becomes(&alice, &room, bob.id(), "join").await;
    carol.post(&via, json!({})).await;
    becomes(&bob, &room, carol.id(), "join").await;
    let mut bobs = Follower::new(bob.caught_up().await, &room);
    let said = say(&carol, &room, 5).await;
    sees(&mut bobs, &said).await;
}

#[tokio::test]
async fn who_types_and_who_is_there_is_told() {
    let (here, there) = two().await;
    let alice = here.user("alice").await;
    let bob = there.user("bob").await;
    let carol = there.user("carol").await;
    let room = alice.create_public_room().await;
    let via = format!("{}?via={}", v3(&["join", &room]), here.name());
    bob.post(via, json!({})).await;
    becomes(&alice, &room, bob.id(), "join").await;
    let mut reader = bob.caught_up().await;
    let place = v3(&["rooms", &room, "typing", alice.id()]);
    let types = |who: serde_json::Value| {
        let room = room.clone();
        move |sync: &serde_json::Value| {
            of_type(ephemeral(sync, &room), "m.typing")
                .is_some_and(|it| it["content"]["user_ids"] == who)
        }
    };
    for _ in 0..2 {
        let typing = json!({"typing": true, "timeout": 30_000});
        alice.put(&place, typing).await;
        reader.until("typing", types(json!([alice.id()]))).await;
        alice.put(&place, json!({"typing": false})).await;
        reader.until("no typing", types(json!([]))).await;
    }
    // Whoever does not say so again has stopped.
    let typing = json!({"typing": true, "timeout": 1_500});
    alice.put(&place, typing).await;
    reader.until("typing", types(json!([alice.id()]))).await;
    reader.until("its end", types(json!([]))).await;

    let status = v3(&["presence", alice.id(), "status"]);
    let away = json!({"presence": "unavailable", "status_msg": "Having tea"});
    alice.put(status, away).await;
    let is_away = |sync: &serde_json::Value| {
        let news = sync["presence"]["events"].as_array().into_iter().flatten();
        news.into_iter().any(|it| {
            it["sender"] == alice.id()
                && it["content"]["presence"] == "unavailable"
                && it["content"]["status_msg"] == "Having tea"
        })
    };
    reader.until("that alice is away", is_away).await;
    let known = carol.get(v3(&["presence", alice.id(), "status"]));
    known.fails(403, "M_FORBIDDEN").await;
}

#[tokio::test]
async fn who_was_put_out_while_their_server_was_away_is_told() {
    let (here, mut there) = two().await;
    let alice = here.user("alice").await;
    let bob = there.user("bob").await;
    let room = alice.create_public_room().await;
    let other = alice.create_public_room().await;
    for room in [&room, &other] {
        let via = format!("{}?via={}", v3(&["join", room]), here.name());
        bob.post(via, json!({})).await;
        becomes(&alice, room, bob.id(), "join").await;
    }
    there.kill().await;
    alice.kick(&room, bob.id()).await;
    alice.say(&other, "He is away").await;
    there.restart().await;
    // Whatever it says makes it heard.
    bob.say(&other, "I am back").await;
    let mut rooms = json!([]);
    for _ in 0..200 {
        rooms = bob.get(v3(&["joined_rooms"])).await["joined_rooms"].clone();
        if rooms == json!([other]) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("bob is still in {rooms}");
}
