//! What `/sync` shows of rooms: joins, invites, leaves, summaries, state, waiting.

use std::time::{Duration, Instant};

use causeway_testkit::reader::{
    bodies, events, ids, joined, of_state, of_type, state_events, timeline,
};
use causeway_testkit::{TestServer, v3};
use serde_json::json;

#[tokio::test]
async fn a_waiting_client_is_answered_when_something_happens() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    let silent = json!({"presence": {"types": []}});
    let mut reader = bob.reader().with_filter(&silent);
    reader.now().await;
    let started = Instant::now();
    let waiting = tokio::spawn(async move { reader.round(30_000).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let event = alice.say(&room, "wake up").await;
    let sync = waiting.await.expect("an answer");
    assert_eq!(ids(timeline(&sync, &room)), [event]);
    assert!(started.elapsed() < Duration::from_secs(10));

    let mut quiet = bob.reader().with_filter(&silent);
    quiet.now().await;
    let started = Instant::now();
    let sync = quiet.round(500).await;
    assert!(
        started.elapsed() >= Duration::from_millis(450),
        "{:?}",
        started.elapsed()
    );
    assert!(
        sync["rooms"]["join"]
            .as_object()
            .is_none_or(serde_json::Map::is_empty),
        "{sync}"
    );
}

#[tokio::test]
async fn an_initial_sync_shows_state_before_the_timeline() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let body = json!({"preset": "public_chat", "name": "N", "topic": "old"});
    let room = alice.create_room(body).await;
    alice.say_many(&room, 15).await;
    alice
        .set_state(&room, "m.room.topic", "", json!({"topic": "new"}))
        .await;
    let filter = json!({"room": {"timeline": {"limit": 3}}});
    let sync = alice.reader().with_filter(&filter).now().await;
    assert_eq!(timeline(&sync, &room).len(), 3);
    assert_eq!(joined(&sync, &room)["timeline"]["limited"], true);
    let before = state_events(&sync, &room);
    let topic = of_state(before, "m.room.topic", "").expect("the topic before the timeline");
    assert_eq!(topic["content"]["topic"], "old");
    assert!(of_state(before, "m.room.name", "").is_some());
    assert!(of_state(before, "m.room.member", alice.id()).is_some());
    // Nothing is both in state and in the timeline.
    let in_timeline = ids(timeline(&sync, &room));
    assert!(ids(before).iter().all(|id| !in_timeline.contains(id)));

    let after = alice
        .reader()
        .with_filter(&filter)
        .with("use_state_after", true)
        .now()
        .await;
    assert!(joined(&after, &room).get("state").is_none(), "{after}");
    let state = events(&joined(&after, &room)["state_after"]);
    let topic = of_state(state, "m.room.topic", "").expect("the topic after the timeline");
    assert_eq!(topic["content"]["topic"], "new");
}

#[tokio::test]
async fn a_limited_round_brings_the_state_of_the_gap() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice
        .create_room(json!({"preset": "public_chat", "topic": "one"}))
        .await;
    bob.join(&room).await;
    let filter = json!({"room": {"timeline": {"limit": 2}}});
    for use_after in [false, true] {
        let mut reader = bob.reader().with_filter(&filter);
        if use_after {
            reader = reader.with("use_state_after", true);
        }
        reader.now().await;
        let topic = format!("in the gap {use_after}");
        alice
            .set_state(&room, "m.room.topic", "", json!({"topic": topic}))
            .await;
        alice.say_many(&room, 4).await;
        let sync = reader.now().await;
        assert_eq!(joined(&sync, &room)["timeline"]["limited"], true);
        let section = if use_after { "state_after" } else { "state" };
        let state = events(&joined(&sync, &room)[section]);
        let shown = of_state(state, "m.room.topic", "").expect("the state of the gap");
        assert_eq!(shown["content"]["topic"], topic);
        assert!(
            of_type(state, "m.room.create").is_none(),
            "only what changed: {sync}"
        );
        // A round without state shows none.
        alice.say(&room, "plain").await;
        let sync = reader.now().await;
        assert!(events(&joined(&sync, &room)[section]).is_empty(), "{sync}");
        let full = reader.call(0).query("full_state", true).await;
        let state = events(&joined(&full, &room)[section]);
        assert!(of_type(state, "m.room.create").is_some(), "{full}");
    }
}

#[tokio::test]
async fn a_newly_joined_room_comes_whole() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice
        .create_room(json!({"preset": "public_chat", "name": "Hall"}))
        .await;
    alice.say_many(&room, 3).await;
    let mut reader = bob.caught_up().await;
    bob.join(&room).await;
    let sync = reader
        .until("the room", |s| !joined(s, &room).is_null())
        .await;
    let mut all = state_events(&sync, &room).to_vec();
    all.extend(timeline(&sync, &room).to_vec());
    for kind in [
        "m.room.create",
        "m.room.power_levels",
        "m.room.join_rules",
        "m.room.name",
    ] {
        assert!(of_state(&all, kind, "").is_some(), "{kind} is missing");
    }
    assert!(of_state(&all, "m.room.member", bob.id()).is_some());
    assert!(joined(&sync, &room)["timeline"]["prev_batch"].is_string());
}

#[tokio::test]
async fn leaving_is_shown_once_with_what_led_to_it() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    let mut reader = bob.caught_up().await;
    alice.say(&room, "farewell").await;
    alice.kick(&room, bob.id()).await;
    alice.say(&room, "not for bob").await;
    let mut seen = Vec::new();
    reader
        .until("the leave", |sync| {
            let left = &sync["rooms"]["leave"][&room];
            seen.extend(timeline(sync, &room).to_vec());
            seen.extend(events(&left["timeline"]).to_vec());
            !left.is_null()
        })
        .await;
    assert_eq!(bodies(&seen), ["farewell"]);
    let last = seen.last().expect("the kick");
    assert_eq!(last["content"]["membership"], "leave");
    reader.stays_quiet(&room, 100).await;
    // An archived room is in an initial sync on request only.
    let plain = bob.reader().now().await;
    assert!(plain["rooms"]["leave"][&room].is_null());
    let filter = json!({"room": {"include_leave": true}});
    let archive = bob.reader().with_filter(&filter).now().await;
    let left = events(&archive["rooms"]["leave"][&room]["timeline"]).to_vec();
    assert!(!bodies(&left).contains(&"not for bob".to_owned()));
    assert!(bodies(&left).contains(&"farewell".to_owned()));
}

#[tokio::test]
async fn invites_come_and_go() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice
        .create_room(json!({"preset": "private_chat", "name": "Party"}))
        .await;
    let mut reader = bob.caught_up().await;
    alice.invite(&room, bob.id()).await;
    let sync = reader
        .until("the invite", |s| !s["rooms"]["invite"][&room].is_null())
        .await;
    let state = events(&sync["rooms"]["invite"][&room]["invite_state"]);
    let name = of_type(state, "m.room.name").expect("the room's name");
    assert_eq!(name["content"]["name"], "Party");
    assert!(
        of_state(state, "m.room.member", bob.id()).is_some(),
        "{state:?}"
    );
    assert!(!bob.reader().now().await["rooms"]["invite"][&room].is_null());
    bob.leave(&room).await;
    reader
        .until("the rejection", |s| !s["rooms"]["leave"][&room].is_null())
        .await;
    assert!(bob.reader().now().await["rooms"]["invite"][&room].is_null());
    alice.invite(&room, bob.id()).await;
    reader
        .until("a second invite", |s| {
            !s["rooms"]["invite"][&room].is_null()
        })
        .await;
    bob.join(&room).await;
    let sync = reader
        .until("the room", |s| !joined(s, &room).is_null())
        .await;
    assert!(sync["rooms"]["invite"][&room].is_null());
}

#[tokio::test]
async fn summaries_count_and_name() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let carol = server.user("carol").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    alice.invite(&room, carol.id()).await;
    let sync = alice.reader().now().await;
    let summary = &joined(&sync, &room)["summary"];
    assert_eq!(summary["m.joined_member_count"], 2);
    assert_eq!(summary["m.invited_member_count"], 1);
    let mut heroes = summary["m.heroes"].as_array().expect("heroes").clone();
    heroes.sort_by_key(ToString::to_string);
    assert_eq!(heroes, [json!(bob.id()), json!(carol.id())]);
    let mut reader = alice.caught_up().await;
    server.user("dave").await.join(&room).await;
    let sync = reader
        .until("the new member", |s| !joined(s, &room).is_null())
        .await;
    assert_eq!(joined(&sync, &room)["summary"]["m.joined_member_count"], 3);
}

#[tokio::test]
async fn the_same_token_gives_the_same_news() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let mut reader = alice.caught_up().await;
    let token = reader.token().expect("a token").to_owned();
    let sent = alice.say_many(&room, 4).await;
    for _ in 0..3 {
        reader.set_token(&token);
        let sync = reader.now().await;
        assert_eq!(ids(timeline(&sync, &room)), sent);
    }
    let of_another = server.user("bob").await;
    let sync = of_another
        .get(v3(&["sync"]))
        .query("since", &token)
        .query("timeout", 0)
        .await;
    assert!(
        joined(&sync, &room).is_null(),
        "a token gives no rights: {sync}"
    );
}
