//! Two people with ordinary clients: they register, find each other, chat, leave, come back and
//! find everything.

use causeway_testkit::reader::{bodies, events, joined, of_type, timeline};
use causeway_testkit::{DEFAULT_ROOM_VERSIONS, ServerOptions, TestClient, TestServer, v3};
use serde_json::json;

async fn find(who: &TestClient, term: &str) -> Vec<String> {
    let found = who
        .post(
            v3(&["user_directory", "search"]),
            json!({"search_term": term}),
        )
        .await;
    let results = found["results"].as_array().cloned().unwrap_or_default();
    results
        .iter()
        .filter_map(|r| r["user_id"].as_str())
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn two_people_find_each_other_chat_leave_and_come_back() {
    for version in DEFAULT_ROOM_VERSIONS {
        let options = ServerOptions::default().default_room_version(version);
        let server = TestServer::start_with(options).await;
        let alice = server.user("alice").await;
        let bob = server.user("bob").await;

        let name = json!({"displayname": "Bob Baker"});
        bob.put(v3(&["profile", bob.id(), "displayname"]), name)
            .await;
        // They share a public room, so they may find each other by name.
        let square = alice
            .create_room(json!({"preset": "public_chat", "name": "Square"}))
            .await;
        bob.join(&square).await;
        assert_eq!(find(&alice, "baker").await, [bob.id()]);
        let profile = alice.get(v3(&["profile", bob.id()])).await;
        assert_eq!(profile["displayname"], "Bob Baker");

        let mut bobs = bob.caught_up().await;
        let direct = alice
            .create_room(json!({
                "preset": "trusted_private_chat", "is_direct": true, "invite": [bob.id()],
            }))
            .await;
        let create = alice.state(&direct, "m.room.create", "").await;
        assert_eq!(create["room_version"], version);

        let news = bobs
            .until("the invite", |s| !s["rooms"]["invite"][&direct].is_null())
            .await;
        let invite_state = events(&news["rooms"]["invite"][&direct]["invite_state"]);
        let own = invite_state
            .iter()
            .find(|e| e["state_key"] == bob.id())
            .expect("the invite");
        assert_eq!(own["content"]["is_direct"], true);
        assert!(of_type(invite_state, "m.room.create").is_some());

        bob.join(&direct).await;
        let mut alices = alice.caught_up().await;
        let hello = alice.say(&direct, "Hello Bob").await;
        let sync = bobs.until_event(&direct, &hello).await;
        assert!(bodies(timeline(&sync, &direct)).contains(&"Hello Bob".to_owned()));
        let answer = bob.say(&direct, "Hello Alice").await;
        alices.until_event(&direct, &answer).await;

        bob.leave(&direct).await;
        bobs.until("the leave", |s| !s["rooms"]["leave"][&direct].is_null())
            .await;
        alice.say(&direct, "Are you gone?").await;
        bobs.stays_quiet(&direct, 200).await;
        alice.invite(&direct, bob.id()).await;
        bob.join(&direct).await;

        let everything = bob.reader().now().await;
        assert!(!joined(&everything, &direct).is_null());
        let history = bob.all_messages(&direct, "f", 7).await;
        let said = bodies(&history);
        assert_eq!(said[..2], ["Hello Bob", "Hello Alice"]);
    }
}

#[tokio::test]
async fn a_group_hears_everything_in_one_order() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let mut members = vec![alice.clone()];
    for name in ["bob", "carol", "dave"] {
        let member = server.user(name).await;
        member.join(&room).await;
        members.push(member);
    }
    let mut readers = Vec::new();
    for member in &members {
        let filter = json!({"room": {"timeline": {"limit": 100}}});
        let mut reader = member.reader().with_filter(&filter);
        reader.now().await;
        readers.push(reader);
    }
    let talk = members.iter().enumerate().map(|(number, member)| {
        let (member, room) = (member.clone(), room.clone());
        tokio::spawn(async move {
            for turn in 0..10 {
                member.say(&room, &format!("{number}.{turn}")).await;
            }
        })
    });
    for speaker in talk.collect::<Vec<_>>() {
        speaker.await.expect("a speaker");
    }
    let mut heard = Vec::new();
    for mut reader in readers {
        let mut all = Vec::new();
        reader
            .until("forty messages", |sync| {
                all.extend(bodies(timeline(sync, &room)));
                all.len() >= 40
            })
            .await;
        heard.push(all);
    }
    for all in &heard {
        assert_eq!(all, &heard[0]);
    }
    for number in 0..4 {
        let prefix = format!("{number}.");
        let own: Vec<_> = heard[0]
            .iter()
            .filter(|body| body.starts_with(&prefix))
            .collect();
        let expected: Vec<_> = (0..10).map(|turn| format!("{number}.{turn}")).collect();
        assert_eq!(own, expected.iter().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn after_a_restart_everything_is_there() {
    let mut server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice
        .create_room(json!({"preset": "public_chat", "topic": "Tea"}))
        .await;
    bob.join(&room).await;
    alice.say_many(&room, 5).await;
    let mut reader = bob.caught_up().await;
    let before = alice.all_messages(&room, "b", 4).await;

    server.stop().await;
    server.restart().await;

    // The session, the token and the history are those from before.
    assert_eq!(
        bob.get(v3(&["account", "whoami"])).await["user_id"],
        bob.id()
    );
    reader.stays_quiet(&room, 0).await;
    assert_eq!(alice.all_messages(&room, "b", 4).await.len(), before.len());
    let event = alice.say(&room, "Still here").await;
    reader.until_event(&room, &event).await;
    assert_eq!(bob.state(&room, "m.room.topic", "").await["topic"], "Tea");
}
