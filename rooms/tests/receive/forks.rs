//! Rooms that fork and come together again.

use causeway_events::limits::MAX_PREV_EVENTS;
use causeway_rooms::Append;
use causeway_rooms::receive::Outcome;
use causeway_store::meter;
use ruma::user_id;
use serde_json::json;

use crate::sim::user;
use crate::stand::{OURS, Stand, add_join, ban, expected, id_of, joined, node, say, set};

fn message(stand: &Stand, body: &str) -> Append {
    Append::one(causeway_events::Draft {
        event_type: "m.room.message".to_owned(),
        state_key: None,
        sender: user(OURS),
        content: serde_json::value::to_raw_value(&json!({"body": body})).unwrap(),
        redacts: None,
        origin_ts_ms: stand.clock.now_ms(),
    })
}

#[tokio::test]
async fn what_comes_in_order_is_shown_in_order() {
    for version in ["1", "2", "6", "10", "12"] {
        let stand = Stand::open().await;
        let (mut room, join) = joined(&stand, version).await;
        let start = stand.log.position();
        let first = say(&mut room, &[join], 0, "hello");
        let topic = set(
            &mut room,
            &[first],
            0,
            "m.room.topic",
            json!({"topic": "x"}),
        );
        let last = say(&mut room, &[topic], OURS, "ours, of another day");
        let mut tail = stand.log.tail();
        let outcomes = stand.receive(&room, &[last, topic, first, topic]).await;
        assert_eq!(outcomes.len(), 3);
        assert!(
            outcomes
                .iter()
                .all(|(_, outcome)| *outcome == Outcome::Accepted)
        );
        assert_eq!(stand.log.position().0, start.0 + 3);
        let batch = tail.recv().await.unwrap();
        let told: Vec<String> = batch
            .iter()
            .map(|entry| match &entry.entry {
                causeway_store::log::Entry::Event(record) => record.pdu.event_id().to_string(),
                other => panic!("{other:?}"),
            })
            .collect();
        let sent = [first, topic, last].map(|n| room.events[n].event_id().to_string());
        assert_eq!(told, sent);
        assert_eq!(
            stand.current(id_of(&room)).await,
            expected(&room, &room.states[last])
        );
        assert_eq!(stand.take(&room, first).await, Outcome::Known);
    }
}

#[tokio::test]
async fn a_fork_has_two_ends_until_something_follows_on_both() {
    let stand = Stand::open().await;
    let (mut room, join) = joined(&stand, "11").await;
    let topic = set(
        &mut room,
        &[join],
        0,
        "m.room.topic",
        json!({"topic": "one"}),
    );
    let bob = add_join(&mut room, &[join], 1);
    assert_eq!(stand.take(&room, topic).await, Outcome::Accepted);
    assert_eq!(stand.take(&room, bob).await, Outcome::Accepted);
    let both = [topic, bob].map(|n| room.events[n].event_id().to_string());
    assert_eq!(stand.ends(id_of(&room)).await, both.into_iter().collect());
    let forks = [room.states[topic].clone(), room.states[bob].clone()];
    let merged = room.resolve_reduced(&forks);
    assert_eq!(stand.current(id_of(&room)).await, expected(&room, &merged));
    let end = say(&mut room, &[topic, bob], 1, "I see both");
    assert_eq!(stand.take(&room, end).await, Outcome::Accepted);
    let id = room.events[end].event_id().to_string();
    assert_eq!(stand.ends(id_of(&room)).await, [id].into_iter().collect());
    assert_eq!(
        stand.current(id_of(&room)).await,
        expected(&room, &room.states[end])
    );
}

#[tokio::test]
async fn our_next_event_follows_on_all_ends_and_reads_nothing() {
    let stand = Stand::open().await;
    let (mut room, join) = joined(&stand, "12").await;
    let one = say(&mut room, &[join], 0, "one");
    let two = set(
        &mut room,
        &[join],
        0,
        "m.room.topic",
        json!({"topic": "two"}),
    );
    stand.receive(&room, &[one, two]).await;
    let ours = user_id!("@user100:other");
    let head = stand
        .rooms
        .head_with(id_of(&room), &[ours.to_owned()])
        .await;
    assert_eq!(head.unwrap().joined_members(), 2);
    let send = stand.rooms.append(id_of(&room), message(&stand, "ours"));
    let (sent, spent) = meter::scope(send).await;
    assert_eq!(spent.queries, 0);
    let sent = sent.unwrap();
    let row = causeway_store::rooms::find_event(
        &stand.store,
        stand.nid(id_of(&room)).await,
        &sent.event_ids[0],
    );
    let json: serde_json::Value = serde_json::from_str(&row.await.unwrap().unwrap().json).unwrap();
    let mut prev: Vec<&str> = json["prev_events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_str().unwrap())
        .collect();
    let mut both = [one, two].map(|n| room.events[n].event_id().as_str());
    prev.sort_unstable();
    both.sort_unstable();
    assert_eq!(prev, both);
    assert_eq!(
        stand.current(id_of(&room)).await,
        expected(&room, &room.states[two])
    );
}

#[tokio::test]
async fn of_two_powers_and_bans_the_rules_choose() {
    for version in ["1", "2", "9", "11", "12"] {
        let stand = Stand::open().await;
        let (mut room, join) = joined(&stand, version).await;
        let bob = add_join(&mut room, &[join], 1);
        let levels = if version == "12" {
            json!({"users": {user(1): 50}})
        } else {
            json!({"users": {user(0): 100, user(1): 50}})
        };
        let trunk = set(&mut room, &[bob], 0, "m.room.power_levels", levels);
        // Bob bans our user, while the creator takes Bob's power away and bans him.
        let left = ban(&mut room, &[trunk], 1, OURS);
        let none = if version == "12" {
            json!({"users": {}})
        } else {
            json!({"users": {user(0): 100}})
        };
        let right = set(&mut room, &[trunk], 0, "m.room.power_levels", none);
        let right = ban(&mut room, &[right], 0, 1);
        let outcomes = stand.receive(&room, &[bob, trunk, left]).await;
        assert!(
            outcomes
                .iter()
                .all(|(_, outcome)| *outcome == Outcome::Accepted)
        );
        let mut events: Vec<usize> = (trunk + 1..=right).collect();
        events.retain(|n| *n != left);
        stand.receive(&room, &events).await;
        let forks = [room.states[left].clone(), room.states[right].clone()];
        let merged = room.resolve_reduced(&forks);
        assert_eq!(
            stand.current(id_of(&room)).await,
            expected(&room, &merged),
            "version {version}"
        );
        let end = say(&mut room, &[left, right], 0, "that was that");
        assert_eq!(stand.take(&room, end).await, Outcome::Accepted);
        assert_eq!(
            stand.current(id_of(&room)).await,
            expected(&room, &room.states[end])
        );
    }
}

#[tokio::test]
async fn an_event_may_follow_on_twenty_and_many_ends_are_merged() {
    let stand = Stand::open().await;
    let (mut room, join) = joined(&stand, "11").await;
    let many: Vec<usize> = (0..MAX_PREV_EVENTS)
        .map(|n| say(&mut room, &[join], 0, &n.to_string()))
        .collect();
    let end = say(&mut room, &many, 0, "all of them");
    let outcomes = stand.receive(&room, &many).await;
    assert!(
        outcomes
            .iter()
            .all(|(_, outcome)| *outcome == Outcome::Accepted)
    );
    assert_eq!(
        stand.ends(id_of(&room)).await.len(),
        1,
        "our server has merged them"
    );
    assert_eq!(stand.take(&room, end).await, Outcome::Accepted);
    assert_eq!(stand.ends(id_of(&room)).await.len(), 2);
    // Hundreds of forks with different states.
    let base = say(&mut room, &[end], 0, "base");
    stand.take(&room, base).await;
    for round in 0..4 {
        let forks: Vec<usize> = (0..60)
            .map(|n| {
                let topic = json!({"topic": format!("{round} {n}")});
                set(&mut room, &[base], 0, "m.room.topic", topic)
            })
            .collect();
        let outcomes = stand.receive(&room, &forks).await;
        assert!(
            outcomes
                .iter()
                .all(|(_, outcome)| *outcome == Outcome::Accepted)
        );
        assert!(stand.ends(id_of(&room)).await.len() <= 10);
    }
    let current = stand.current(id_of(&room)).await;
    assert!(current.contains_key(&("m.room.topic".to_owned(), String::new())));
}

#[tokio::test]
async fn two_nodes_take_in_the_same_events_once() {
    let stand = Stand::open().await;
    let (mut room, join) = joined(&stand, "10").await;
    let mut last = join;
    let mut events = Vec::new();
    for n in 0..40 {
        let topic = json!({"topic": n.to_string()});
        let fork = set(&mut room, &[last], 0, "m.room.topic", topic);
        last = say(&mut room, &[last], 0, &n.to_string());
        events.extend([fork, last]);
        last = say(&mut room, &[last, fork], 0, "merged");
        events.push(last);
    }
    let (_store, _log, other, _clock) = node(&stand.database).await;
    let pdus = |from: usize| -> Vec<causeway_events::Pdu> {
        events[from..from + 30]
            .iter()
            .map(|n| room.events[*n].clone())
            .collect()
    };
    let start = stand.log.position();
    for from in [0, 30, 60, 90] {
        let (one, two) = tokio::join!(
            stand.rooms.receive(id_of(&room), pdus(from)),
            other.receive(id_of(&room), pdus(from)),
        );
        for (_, outcome) in one.unwrap().into_iter().chain(two.unwrap()) {
            assert!(
                matches!(outcome, Outcome::Accepted | Outcome::Known),
                "{outcome:?}"
            );
        }
    }
    let rows: (i64, i64) =
        sqlx::query_as("SELECT count(*), count(DISTINCT event_id) FROM events WHERE anchor > $1")
            .bind(start.0)
            .fetch_one(stand.store.pool())
            .await
            .unwrap();
    assert_eq!(rows, (120, 120));
    stand.rooms.receive(id_of(&room), pdus(0)).await.unwrap();
    assert_eq!(
        stand.current(id_of(&room)).await,
        expected(&room, &room.states[last])
    );
}

#[tokio::test]
async fn what_we_say_meanwhile_keeps_nobody_out() {
    let stand = Stand::open().await;
    let (mut room, join) = joined(&stand, "11").await;
    let room_id = id_of(&room).to_owned();
    let mut last = join;
    let theirs: Vec<usize> = (0..30)
        .map(|n| {
            last = say(&mut room, &[last], 0, &n.to_string());
            last
        })
        .collect();
    let ours = async {
        for n in 0..200 {
            let body = n.to_string();
            let sent = stand.rooms.append(&room_id, message(&stand, &body)).await;
            sent.expect("sent");
        }
    };
    let taken = async {
        for n in &theirs {
            assert_eq!(stand.take(&room, *n).await, Outcome::Accepted);
        }
    };
    tokio::join!(ours, taken);
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM events WHERE type = 'm.room.message'")
        .fetch_one(stand.store.pool())
        .await
        .unwrap();
    assert_eq!(rows, 230);
    assert_eq!(
        stand.current(&room_id).await,
        expected(&room, &room.states[join])
    );
}
