//! What came before we did, and what readers of the log find.

use causeway_rooms::read::{Asker, EventFilter, MessagesQuery, Reader};
use causeway_rooms::receive::{EventWithState, History, Outcome, ReceiveError};
use causeway_store::sync::{Snapshot, StateRange, behind_gaps, outside_states, state_between};
use causeway_store::timeline::Direction;
use ruma::{OwnedEventId, OwnedServerName};
use serde_json::{Value, json};

use crate::sim::{Nid, Room, user};
use crate::stand::{Forgery, OURS, Stand, add_join, id_of, joined, say, set, version};

/// The ids of all that our user can page back to, newest first.
async fn pages(stand: &Stand, room: &Room) -> Vec<String> {
    let name: OwnedServerName = "other".try_into().unwrap();
    let reader = Reader::new(stand.store.clone(), name, stand.clock.clone());
    let asker = Asker {
        user: user(OURS),
        device: None,
    };
    let mut all = Vec::new();
    let mut from: Option<String> = None;
    loop {
        let query = MessagesQuery {
            direction: Direction::Backward,
            from: from.as_deref(),
            to: None,
            limit: Some(3),
            filter: EventFilter::default(),
        };
        let chunk = reader.messages(id_of(room), &asker, &query).await.unwrap();
        for event in &chunk.events {
            let event: Value = serde_json::from_str(event).unwrap();
            all.push(event["event_id"].as_str().unwrap().to_owned());
        }
        match chunk.end {
            Some(end) => from = Some(end.to_string()),
            None => return all,
        }
    }
}

fn ids(room: &Room, events: impl IntoIterator<Item = Nid>) -> Vec<OwnedEventId> {
    let ids = events
        .into_iter()
        .map(|n| room.events[n].owned_event_id().clone());
    ids.collect()
}

fn texts(room: &Room, events: impl IntoIterator<Item = Nid>) -> Vec<String> {
    ids(room, events).iter().map(ToString::to_string).collect()
}

fn history(room: &Room, events: &[Nid], before: Nid, with: &[Nid]) -> History {
    let pdus = |events: &[Nid]| events.iter().map(|n| room.events[*n].clone()).collect();
    History {
        events: pdus(events),
        state: ids(room, room.states[before].values().copied()),
        state_events: pdus(with),
    }
}

/// A room in which something was said before our user joined: its events are numbered in order.
/// Gives the topic, what was said after it, the edit of that, the join, and what came after it.
async fn old_room(id: &str) -> (Stand, Room, [Nid; 5]) {
    let stand = Stand::open().await;
    let mut room = Room::new(version(id));
    let one = say(&mut room, &[3], 0, "one");
    let topic = json!({"topic": "old"});
    let topic = set(&mut room, &[one], 0, "m.room.topic", topic);
    let two = say(&mut room, &[topic], 0, "two");
    let edit = json!({"body": "* two", "m.relates_to": {
        "rel_type": "m.replace", "event_id": room.events[two].event_id()}});
    let edit = room.add(&[two], 0, "m.room.message", None, edit).unwrap();
    let join = add_join(&mut room, &[edit], OURS);
    stand.import(&room, join).await;
    let hello = say(&mut room, &[join], 0, "hello");
    stand.take(&room, hello).await;
    (stand, room, [topic, two, edit, join, hello])
}

fn all_accepted(done: &[(OwnedEventId, Outcome)]) {
    let accepted = |(_, outcome): &(OwnedEventId, Outcome)| *outcome == Outcome::Accepted;
    assert!(done.iter().all(accepted), "{done:?}");
}

#[tokio::test]
async fn old_events_find_their_place_and_are_no_news() {
    for id in ["1", "11", "12"] {
        let (stand, mut room, [topic, two, edit, join, hello]) = old_room(id).await;
        let room_id = id_of(&room).to_owned();
        assert_eq!(pages(&stand, &room).await, texts(&room, [hello, join]));
        let gaps = stand.rooms.gaps(&room_id, None, 10).await.unwrap();
        assert_eq!(gaps.len(), 1);
        assert_eq!(gaps[0].wanted, *room.events[edit].owned_event_id());
        assert_eq!(gaps[0].wanted_by, *room.events[join].owned_event_id());

        let start = stand.log.position();
        let current = stand.current(&room_id).await;
        // Newest first, as other servers send it.
        let page = history(&room, &[edit, two], topic, &[]);
        let done = stand.rooms.take_history(&room_id, page.clone()).await;
        all_accepted(&done.unwrap());
        let seen = texts(&room, [hello, join, edit, two]);
        assert_eq!(pages(&stand, &room).await, seen);
        let again = stand.rooms.take_history(&room_id, page).await;
        assert!(matches!(again, Err(ReceiveError::NotWanted)), "{again:?}");

        let rest: Vec<Nid> = (0..=topic).rev().collect();
        let rest = History {
            state: Vec::new(),
            ..history(&room, &rest, topic, &[])
        };
        all_accepted(&stand.rooms.take_history(&room_id, rest).await.unwrap());
        let mut all = texts(&room, (0..=hello).rev());
        assert_eq!(pages(&stand, &room).await, all, "version {id}");
        let gaps = stand.rooms.gaps(&room_id, None, 10).await.unwrap();
        assert!(gaps.is_empty());
        assert_eq!(stand.log.position(), start, "nothing of it is news");
        assert_eq!(stand.current(&room_id).await, current);
        // The room goes on after all that.
        let next = say(&mut room, &[hello], OURS, "next");
        assert_eq!(stand.take(&room, next).await, Outcome::Accepted);
        all.insert(0, room.events[next].event_id().to_string());
        assert_eq!(pages(&stand, &room).await, all);
    }
}

#[tokio::test]
async fn what_relates_to_old_events_stands_where_it_stands() {
    let (stand, room, [topic, two, edit, ..]) = old_room("10").await;
    let page = history(&room, &[edit, two], topic, &[]);
    let done = stand.rooms.take_history(id_of(&room), page).await;
    all_accepted(&done.unwrap());
    let places: (i64, i64) = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE r.anchor = e.anchor AND r.anchor_offset = e.anchor_offset)
         FROM relations r JOIN events e ON e.event_nid = r.child_nid",
    )
    .fetch_one(stand.store.pool())
    .await
    .unwrap();
    assert_eq!(places, (1, 1));
}

#[tokio::test]
async fn old_events_that_were_never_allowed_are_shown_to_nobody() {
    let stand = Stand::open().await;
    let mut room = Room::new(version("11"));
    let one = say(&mut room, &[3], 0, "one");
    let forged = Forgery {
        room: &room,
        prev: vec![&room.events[one]],
        auth: vec![&room.events[0], &room.events[1], &room.events[2]],
        depth: 6,
    };
    let forged = forged.build(
        1,
        "m.room.message",
        None,
        json!({"body": "I was never here"}),
    );
    let join = add_join(&mut room, &[one], OURS);
    stand.import(&room, join).await;
    let mut page = history(&room, &[one], 3, &[]);
    page.events.insert(0, forged.clone());
    let done = stand.rooms.take_history(id_of(&room), page).await.unwrap();
    let of = |id: &ruma::EventId| {
        done.iter()
            .find(|(known, _)| known == id)
            .unwrap()
            .1
            .clone()
    };
    assert_eq!(of(room.events[one].event_id()), Outcome::Accepted);
    assert!(matches!(of(forged.event_id()), Outcome::Rejected(_)));
    assert_eq!(pages(&stand, &room).await, texts(&room, [join, one]));
}

#[tokio::test]
async fn readers_are_told_what_forks_changed() {
    let stand = Stand::open().await;
    let (mut room, join) = joined(&stand, "11").await;
    let bob = add_join(&mut room, &[join], 1);
    let levels = json!({"users": {user(0): 100, user(1): 50}});
    let levels = set(&mut room, &[bob], 0, "m.room.power_levels", levels);
    let topic = set(
        &mut room,
        &[levels],
        0,
        "m.room.topic",
        json!({"topic": "first"}),
    );
    stand.receive(&room, &[bob, levels, topic]).await;
    let since = stand.log.position();
    // Bob sets the topic, while the creator takes his power away.
    let by_bob = set(
        &mut room,
        &[topic],
        1,
        "m.room.topic",
        json!({"topic": "Bob's"}),
    );
    let none = set(
        &mut room,
        &[topic],
        0,
        "m.room.power_levels",
        json!({"users": {user(0): 100}}),
    );
    assert_eq!(stand.take(&room, by_bob).await, Outcome::Accepted);
    let mut tail = stand.log.tail();
    assert_eq!(stand.take(&room, none).await, Outcome::Accepted);
    let batch = tail.recv().await.unwrap();
    let record = match &batch[0].entry {
        causeway_store::log::Entry::Event(record) => record.clone(),
        other => panic!("{other:?}"),
    };
    let back = record.resolved[0].event.as_ref().unwrap();
    assert_eq!(
        back.1.event_id(),
        room.events[topic].event_id(),
        "the topic is back"
    );

    let nid = stand.nid(id_of(&room)).await;
    let mut snapshot = Snapshot::open(&stand.store).await.unwrap();
    let range = StateRange {
        room: nid,
        after: since.0,
        until: stand.log.position().0,
        only_resolved: true,
    };
    let told = state_between(&mut snapshot, &[range], &[]).await.unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].event_id, room.events[topic].event_id().as_str());
    let whole = StateRange {
        only_resolved: false,
        ..range
    };
    let told = state_between(&mut snapshot, &[whole], &[]).await.unwrap();
    let mut told: Vec<String> = told.into_iter().map(|event| event.event_id).collect();
    told.sort_unstable();
    let mut expected = texts(&room, [topic, none]);
    expected.sort_unstable();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn readers_are_told_where_a_gap_is() {
    let stand = Stand::open().await;
    let (mut room, join) = joined(&stand, "11").await;
    let seen = say(&mut room, &[join], 0, "seen");
    stand.take(&room, seen).await;
    let end = say(&mut room, &[seen], 0, "unseen");
    let after = say(&mut room, &[end], 0, "after the gap");
    let event = EventWithState {
        event: room.events[after].clone(),
        state: ids(&room, room.states[end].values().copied()),
        events: Vec::new(),
    };
    let outcome = stand.rooms.receive_with_state(id_of(&room), event).await;
    assert_eq!(outcome.unwrap(), Outcome::Accepted);
    let mut snapshot = Snapshot::open(&stand.store).await.unwrap();
    let nid = stand.nid(id_of(&room)).await;
    let find =
        |n: Nid| causeway_store::rooms::find_event(&stand.store, nid, room.events[n].event_id());
    let gap = find(after).await.unwrap().unwrap();
    let seen = find(seen).await.unwrap().unwrap();
    let asked = [(nid, gap.nid), (nid, seen.nid)];
    let gaps = behind_gaps(&mut snapshot, &asked).await.unwrap();
    assert_eq!(gaps, [gap.nid]);
    let told = outside_states(&mut snapshot, user(OURS).as_str(), &[nid]).await;
    assert!(told.unwrap().is_empty());
}
