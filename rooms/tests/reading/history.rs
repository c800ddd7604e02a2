use causeway_rooms::read::{EventFilter, ReadError};
use causeway_store::meter;
use causeway_store::timeline::Direction;
use ruma::OwnedRoomId;
use serde_json::Value;

use crate::house::{ALICE, BOB, House, Query, asker, bodies, ids};

/// The ids of all events of a room, newest first, in pages of seven.
async fn all_backwards(house: &House, room: &OwnedRoomId) -> Vec<String> {
    let mut all = Vec::new();
    let mut from: Option<String> = None;
    loop {
        let query = Query {
            from: from.as_deref(),
            limit: 7,
            ..Query::default()
        };
        let chunk = house.page(room, ALICE, query).await;
        assert!(chunk.events.len() <= 7);
        all.extend(ids(&chunk.events));
        match chunk.end {
            Some(end) => from = Some(end.to_string()),
            None => return all,
        }
    }
}

#[tokio::test]
async fn pages_join_without_gap_or_repeat_in_both_directions() {
    let house = House::build().await;
    let room = house.room("shared", &[]).await;
    for n in 0..25 {
        house.say(&room, ALICE, &n.to_string()).await;
    }
    let all = all_backwards(&house, &room).await;
    assert_eq!(all.len(), 30);
    let forward = Query {
        direction: Direction::Forward,
        ..Query::default()
    };
    let chunk = house.page(&room, ALICE, forward).await;
    // The present goes on; only once nothing has come there is no end.
    let end = chunk.end.expect("there may be more").to_string();
    let after = Query {
        direction: Direction::Forward,
        from: Some(&end),
        ..Query::default()
    };
    let nothing = house.page(&room, ALICE, after).await;
    assert!(nothing.events.is_empty() && nothing.end.is_none());
    let mut other_way = ids(&chunk.events);
    other_way.reverse();
    assert_eq!(all, other_way);

    // Between two tokens, in both directions.
    let newest = Query {
        limit: 5,
        ..Query::default()
    };
    let first = house.page(&room, ALICE, newest).await;
    let end = first.end.unwrap().to_string();
    let start = first.start.to_string();
    let back = Query {
        direction: Direction::Forward,
        from: Some(&end),
        to: Some(&start),
        ..Query::default()
    };
    let again = house.page(&room, ALICE, back).await;
    let mut expected = ids(&first.events);
    expected.reverse();
    assert_eq!(ids(&again.events), expected);

    // A token of sync is the gap after its position.
    let position = format!("s{}_0", house.log.position());
    let since = Query {
        from: Some(&position),
        limit: 1,
        ..Query::default()
    };
    let chunk = house.page(&room, ALICE, since).await;
    assert_eq!(bodies(&chunk.events), ["24"]);
    let wrong = Query {
        from: Some("nonsense"),
        ..Query::default()
    };
    let error = house.try_page(&room, ALICE, wrong).await;
    assert!(matches!(error, Err(ReadError::BadToken("from"))));
}

#[tokio::test]
async fn the_surroundings_of_an_event_have_tokens_that_go_on() {
    let house = House::build().await;
    let room = house.room("shared", &[]).await;
    let mut sent = Vec::new();
    for n in 0..11 {
        sent.push(house.say(&room, ALICE, &n.to_string()).await);
    }
    let everything = EventFilter::default();
    let found = house
        .reader
        .context(&room, &sent[5], Some(4), &everything, &asker(ALICE))
        .await
        .unwrap();
    assert_eq!(bodies(std::slice::from_ref(&found.event)), ["5"]);
    assert_eq!(bodies(&found.before), ["4", "3"]);
    assert_eq!(bodies(&found.after), ["6", "7"]);
    assert_eq!(found.state.len(), 5);
    let (start, end) = (found.start.to_string(), found.end.to_string());
    let earlier = Query {
        from: Some(&start),
        limit: 2,
        ..Query::default()
    };
    assert_eq!(
        bodies(&house.page(&room, ALICE, earlier).await.events),
        ["2", "1"]
    );
    let later = Query {
        direction: Direction::Forward,
        from: Some(&end),
        limit: 2,
        ..Query::default()
    };
    assert_eq!(
        bodies(&house.page(&room, ALICE, later).await.events),
        ["8", "9"]
    );
}

#[tokio::test]
async fn the_event_nearest_to_a_time_is_found() {
    let house = House::build().await;
    let room = house.room("shared", &[]).await;
    let first = house.say(&room, ALICE, "first").await;
    let ts = house.clock.now_ms();
    let second = house.say(&room, ALICE, "second").await;
    let near = |ts, direction| {
        let (room, asker) = (room.clone(), asker(ALICE));
        let reader = house.reader.clone();
        async move { reader.event_near(&room, ts, direction, &asker).await }
    };
    assert_eq!(
        near(ts + 1, Direction::Forward).await.unwrap(),
        (second.clone(), ts + 1000)
    );
    assert_eq!(
        near(ts, Direction::Forward).await.unwrap(),
        (first.clone(), ts)
    );
    assert_eq!(
        near(ts + 999, Direction::Backward).await.unwrap(),
        (first, ts)
    );
    let after = near(ts + 5000, Direction::Forward).await;
    assert!(matches!(after, Err(ReadError::EventNotFound)));
}

#[tokio::test]
async fn a_transaction_is_shown_to_its_device_only() {
    let house = House::build().await;
    let room = house.room("shared", &[]).await;
    house.member(&room, BOB, BOB, "join").await;
    let mine = house.say_as(&room, ALICE, "PHONE").await;
    let other = house.say_as(&room, ALICE, "LAPTOP").await;
    let transaction = |id: ruma::OwnedEventId, who| {
        let (reader, room) = (house.reader.clone(), room.clone());
        async move {
            let event = reader.event(&room, &id, &asker(who)).await.unwrap();
            let event: Value = serde_json::from_str(&event).unwrap();
            event["unsigned"]["transaction_id"].clone()
        }
    };
    assert_eq!(transaction(mine.clone(), ALICE).await, "txn");
    assert_eq!(transaction(other, ALICE).await, Value::Null);
    assert_eq!(transaction(mine, BOB).await, Value::Null);
}

#[tokio::test]
async fn a_page_costs_the_same_queries_for_few_events_and_for_many() {
    let house = House::build().await;
    let room = house.room("shared", &[]).await;
    house.member(&room, BOB, BOB, "join").await;
    for n in 0..100 {
        let who = if n % 2 == 0 { ALICE } else { BOB };
        house.say(&room, who, &n.to_string()).await;
        if n % 10 == 0 {
            let topic = serde_json::json!({"topic": n.to_string()});
            house.set(&room, BOB, "m.room.topic", "", topic).await;
        }
    }
    let mut counts = Vec::new();
    for limit in [3, 100] {
        let query = Query {
            limit,
            filter: Some(serde_json::json!({"lazy_load_members": true})),
            ..Query::default()
        };
        let (chunk, spent) = meter::scope(house.page(&room, BOB, query)).await;
        assert_eq!(chunk.events.len() as u64, limit);
        assert_eq!(chunk.state.len(), 2);
        counts.push(spent.queries);
    }
    assert_eq!(counts, [6, 6]);
}
