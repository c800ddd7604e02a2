use causeway_rooms::read::{MembersQuery, ReadError};
use ruma::OwnedRoomId;
use serde_json::json;

use crate::house::{ALICE, BOB, CAROL, House, Query, asker, parsed};

async fn members(house: &House, room: &OwnedRoomId, query: MembersQuery<'_>) -> Vec<String> {
    let found = house
        .reader
        .members(room, query, &asker(ALICE))
        .await
        .unwrap();
    let mut members: Vec<String> = parsed(&found)
        .iter()
        .map(|event| event["state_key"].as_str().unwrap().to_owned())
        .collect();
    members.sort();
    members
}

#[tokio::test]
async fn the_state_is_the_present_one_or_the_one_left_behind() {
    let house = House::build().await;
    let topic = |text: &str| json!({"topic": text});
    let room = house
        .room("shared", &[("m.room.topic", "", topic("old"))])
        .await;
    house.member(&room, BOB, BOB, "join").await;
    house.member(&room, BOB, BOB, "leave").await;
    house
        .set(&room, ALICE, "m.room.topic", "", topic("new"))
        .await;
    for (who, expected) in [(ALICE, "new"), (BOB, "old")] {
        let found = house
            .reader
            .state_event(&room, "m.room.topic", "", &asker(who))
            .await;
        let (event, content) = found.unwrap();
        assert_eq!(content, topic(expected).to_string());
        assert_eq!(parsed(&[event])[0]["content"]["topic"], expected);
        let state = house.reader.state(&room, &asker(who)).await.unwrap();
        let state = parsed(&state);
        assert_eq!(state.len(), 7);
        let topics: Vec<_> = state
            .iter()
            .filter(|event| event["type"] == "m.room.topic")
            .collect();
        assert_eq!(topics.len(), 1);
        assert_eq!(topics[0]["content"]["topic"], expected);
    }
    let absent = house
        .reader
        .state_event(&room, "m.room.name", "", &asker(ALICE))
        .await;
    assert!(matches!(absent, Err(ReadError::StateNotFound)));
    let refused = house.reader.state(&room, &asker(CAROL)).await;
    assert!(matches!(refused, Err(ReadError::Forbidden)));
    let refused = house.reader.joined_members(&room, &asker(BOB)).await;
    assert!(matches!(refused, Err(ReadError::Forbidden)));
    let joined = house
        .reader
        .joined_members(&room, &asker(ALICE))
        .await
        .unwrap();
    assert_eq!(joined.len(), 1);
    assert_eq!(joined[0].user_id, ALICE);
}

#[tokio::test]
async fn members_are_told_by_membership_and_by_time() {
    let house = House::build().await;
    let room = house.room("shared", &[]).await;
    house.member(&room, BOB, BOB, "join").await;
    house.say(&room, ALICE, "then").await;
    let newest = Query {
        limit: 1,
        ..Query::default()
    };
    let then = house.page(&room, ALICE, newest).await.start.to_string();
    house.member(&room, BOB, BOB, "leave").await;
    house.member(&room, ALICE, CAROL, "invite").await;
    let all = MembersQuery::default();
    assert_eq!(members(&house, &room, all).await, [ALICE, BOB, CAROL]);
    let joined = MembersQuery {
        membership: Some("join"),
        ..all
    };
    assert_eq!(members(&house, &room, joined).await, [ALICE]);
    let not_left = MembersQuery {
        not_membership: Some("leave"),
        ..all
    };
    assert_eq!(members(&house, &room, not_left).await, [ALICE, CAROL]);
    let at = MembersQuery {
        at: Some(&then),
        ..joined
    };
    assert_eq!(members(&house, &room, at).await, [ALICE, BOB]);
}
