use causeway_rooms::read::ReadError;
use serde_json::{Value, json};

use crate::house::{ALICE, BOB, CAROL, House, Query, asker, bodies, parsed};

/// Alice speaks, Bob is invited, Alice speaks, Bob joins, Alice speaks, Bob leaves, Alice speaks.
async fn a_visit(house: &House, visibility: &str) -> ruma::OwnedRoomId {
    let room = house.room(visibility, &[]).await;
    house.say(&room, ALICE, "before").await;
    house.member(&room, ALICE, BOB, "invite").await;
    house.say(&room, ALICE, "invited").await;
    house.member(&room, BOB, BOB, "join").await;
    house.say(&room, ALICE, "joined").await;
    house.member(&room, BOB, BOB, "leave").await;
    house.say(&room, ALICE, "left").await;
    room
}

#[tokio::test]
async fn who_left_sees_what_the_history_visibility_gave_them() {
    let house = House::build().await;
    for (visibility, seen) in [
        ("joined", vec!["joined"]),
        ("invited", vec!["invited", "joined"]),
        ("shared", vec!["before", "invited", "joined"]),
        (
            "world_readable",
            vec!["before", "invited", "joined", "left"],
        ),
    ] {
        let room = a_visit(&house, visibility).await;
        assert_eq!(house.bodies(&room, BOB).await, seen, "{visibility}");
        // Banned afterwards, they see no more than before.
        house.member(&room, ALICE, BOB, "ban").await;
        assert_eq!(house.bodies(&room, BOB).await, seen, "{visibility}");
    }
}

#[tokio::test]
async fn who_comes_back_sees_what_was_shared_meanwhile() {
    let house = House::build().await;
    for (visibility, seen) in [
        ("joined", vec!["joined"]),
        ("shared", vec!["before", "invited", "joined", "left"]),
    ] {
        let room = a_visit(&house, visibility).await;
        house.member(&room, BOB, BOB, "join").await;
        assert_eq!(house.bodies(&room, BOB).await, seen, "{visibility}");
    }
}

#[tokio::test]
async fn strangers_see_only_what_is_open_to_the_world() {
    let house = House::build().await;
    let room = house.room("shared", &[]).await;
    house.say(&room, ALICE, "hidden").await;
    let refused = house.try_page(&room, CAROL, Query::default()).await;
    assert!(matches!(refused, Err(ReadError::Forbidden)));
    let nowhere: ruma::OwnedRoomId = "!nowhere:test".try_into().unwrap();
    let refused = house.try_page(&nowhere, CAROL, Query::default()).await;
    assert!(matches!(refused, Err(ReadError::Forbidden)));
    house.member(&room, ALICE, CAROL, "invite").await;
    let refused = house.try_page(&room, CAROL, Query::default()).await;
    assert!(matches!(refused, Err(ReadError::Forbidden)));

    let visibility = json!({"history_visibility": "world_readable"});
    house
        .set(&room, ALICE, "m.room.history_visibility", "", visibility)
        .await;
    let open = house.say(&room, ALICE, "open").await;
    assert_eq!(house.bodies(&room, CAROL).await, ["open"]);
    assert_eq!(house.bodies(&room, ALICE).await, ["hidden", "open"]);
    assert!(
        house
            .reader
            .event(&room, &open, &asker(CAROL))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn forgotten_rooms_are_closed() {
    let house = House::build().await;
    let room = a_visit(&house, "shared").await;
    let nid = house.rooms.head(&room).await.unwrap().room();
    let bob = crate::house::user(BOB);
    causeway_store::rooms::forget(&house.store, nid, &bob)
        .await
        .unwrap();
    let refused = house.try_page(&room, BOB, Query::default()).await;
    assert!(matches!(refused, Err(ReadError::Forbidden)));
}

#[tokio::test]
async fn events_say_what_the_reader_was_then() {
    let house = House::build().await;
    let room = a_visit(&house, "shared").await;
    let chunk = house.page(&room, BOB, Query::default()).await;
    let events = parsed(&chunk.events);
    let of = |body: &str| {
        let event = events.iter().find(|event| event["content"]["body"] == body);
        event.unwrap()["unsigned"]["membership"].clone()
    };
    assert_eq!(of("before"), "leave");
    assert_eq!(of("invited"), "invite");
    assert_eq!(of("joined"), "join");
    let leaving = events.first().unwrap();
    assert_eq!(leaving["unsigned"]["membership"], "leave");
    assert_eq!(leaving["unsigned"]["prev_content"]["membership"], "join");
}

#[tokio::test]
async fn ignored_users_are_left_out_but_for_their_state() {
    let house = House::build().await;
    let room = house.room("shared", &[]).await;
    house.member(&room, BOB, BOB, "join").await;
    house.say(&room, BOB, "noise").await;
    house.say(&room, ALICE, "music").await;
    let list = json!({"ignored_users": {BOB: {}}}).to_string();
    let data = causeway_store::log::AccountData {
        user: crate::house::user(ALICE),
        room: None,
        event_type: "m.ignored_user_list".to_owned(),
        content: list,
    };
    house
        .log
        .append(causeway_store::Change::AccountData(data))
        .await
        .unwrap();
    let chunk = house.page(&room, ALICE, Query::default()).await;
    assert_eq!(bodies(&chunk.events), ["music"]);
    let state_of_bob = |event: &Value| event["sender"] == BOB && event["state_key"] == BOB;
    assert!(parsed(&chunk.events).iter().any(state_of_bob));
    assert_eq!(house.bodies(&room, BOB).await, ["noise", "music"]);
}

#[tokio::test]
async fn who_came_after_an_erasure_gets_what_redaction_leaves() {
    let house = House::build().await;
    let room = house.room("shared", &[]).await;
    house.member(&room, BOB, BOB, "join").await;
    house.say(&room, BOB, "personal").await;
    let account = causeway_store::users::accounts::NewAccount {
        user_id: BOB,
        password_hash: None,
        is_guest: false,
        is_admin: false,
        registration_token: None,
        email: None,
        external_id: None,
    };
    let store = &house.store;
    let now_ms = house.clock.now_ms();
    causeway_store::users::accounts::create(store, account, now_ms)
        .await
        .unwrap();
    causeway_store::users::accounts::deactivate(store, BOB, true, now_ms)
        .await
        .unwrap();
    house.member(&room, CAROL, CAROL, "join").await;
    assert_eq!(house.bodies(&room, ALICE).await, ["personal"]);
    assert!(house.bodies(&room, CAROL).await.is_empty());
}
