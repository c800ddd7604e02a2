//! Rooms that were joined elsewhere.

use std::time::Instant;

use causeway_events::{Draft, Pdu, Placement, Reference};
use causeway_rooms::receive::{Import, Outcome, ReceiveError};
use ruma::OwnedUserId;
use serde_json::json;

use crate::sim::Room;
use crate::stand::{OURS, Stand, add_join, expected, id_of, import_of, joined, say, set, version};

#[tokio::test]
async fn a_joined_room_is_a_room_like_any_other() {
    for id in ["1", "5", "10", "11", "12"] {
        let stand = Stand::open().await;
        let (mut room, join) = joined(&stand, id).await;
        assert_eq!(
            stand.current(id_of(&room)).await,
            expected(&room, &room.states[join])
        );
        let again = stand.rooms.import(import_of(&room, join)).await;
        assert!(matches!(again, Err(ReceiveError::AlreadyIn)), "{again:?}");
        let next = say(&mut room, &[join], OURS, "hello");
        assert_eq!(stand.take(&room, next).await, Outcome::Accepted);
    }
}

#[tokio::test]
async fn who_comes_back_sees_the_room_as_it_is_now() {
    let stand = Stand::open().await;
    let (mut room, join) = joined(&stand, "11").await;
    let id = crate::sim::user(OURS);
    let leave = json!({"membership": "leave"});
    let left = room
        .add(&[join], OURS, "m.room.member", Some(id.as_str()), leave)
        .unwrap();
    assert_eq!(stand.take(&room, left).await, Outcome::Accepted);
    let bob = add_join(&mut room, &[left], 1);
    let topic = set(
        &mut room,
        &[bob],
        0,
        "m.room.topic",
        json!({"topic": "while you were away"}),
    );
    let back = add_join(&mut room, &[topic], OURS);
    stand.import(&room, back).await;
    assert_eq!(
        stand.current(id_of(&room)).await,
        expected(&room, &room.states[back])
    );
    let end = room.events[back].event_id().to_string();
    assert_eq!(stand.ends(id_of(&room)).await, [end].into_iter().collect());
    let next = say(&mut room, &[back], 1, "welcome");
    assert_eq!(stand.take(&room, next).await, Outcome::Accepted);
}

#[tokio::test]
async fn a_join_that_the_state_forbids_changes_nothing() {
    let stand = Stand::open().await;
    let mut room = Room::new(version("10"));
    let closed = set(
        &mut room,
        &[3],
        0,
        "m.room.join_rules",
        json!({"join_rule": "invite"}),
    );
    let forgery = crate::stand::Forgery {
        room: &room,
        prev: vec![&room.events[closed]],
        auth: vec![&room.events[0], &room.events[2], &room.events[closed]],
        depth: 6,
    };
    let id = crate::sim::user(OURS);
    let join = forgery.build(
        OURS,
        "m.room.member",
        Some(id.as_str()),
        json!({"membership": "join"}),
    );
    let state: Vec<Pdu> = room.states[closed]
        .values()
        .map(|n| room.events[*n].clone())
        .collect();
    let import = Import {
        room_id: id_of(&room).to_owned(),
        version: room.version,
        event: join,
        auth_chain: state.clone(),
        state,
    };
    let start = stand.log.position();
    let outcome = stand.rooms.import(import).await.unwrap();
    assert!(matches!(outcome, Outcome::Rejected(_)), "{outcome:?}");
    assert_eq!(stand.log.position(), start);
    assert_eq!(
        stand
            .rooms
            .head(id_of(&room))
            .await
            .unwrap()
            .joined_members(),
        0
    );
}

/// A room of `members` members, built without a model: each joined once.
fn large_room(members: usize) -> Import {
    let room = Room::new(version("11"));
    let base: Vec<Pdu> = room.events.clone();
    let mut last = base[3].clone();
    let auth = [&base[0], &base[2], &base[3]].map(|pdu| Reference::to(room.version, pdu));
    let mut state = base.clone();
    let join = |name: String, last: &Pdu| {
        let user = OwnedUserId::try_from(name).unwrap();
        let placement = Placement {
            room_id: room.room_id(),
            prev_events: &[Reference::to(room.version, last)],
            auth_events: &auth,
            depth: last.depth() + 1,
        };
        let draft = Draft {
            event_type: "m.room.member".to_owned(),
            state_key: Some(user.to_string()),
            sender: user.clone(),
            content: serde_json::value::to_raw_value(
                &json!({"membership": "join", "displayname": user.localpart()}),
            )
            .unwrap(),
            redacts: None,
            origin_ts_ms: 2_000_000,
        };
        draft.build(room.version, &placement, &room.key).unwrap()
    };
    for n in 0..members {
        last = join(format!("@member{n}:server{}", n % 50), &last);
        state.push(last.clone());
    }
    Import {
        room_id: room.room_id().unwrap().to_owned(),
        version: room.version,
        event: join("@user100:other".to_owned(), &last),
        state,
        auth_chain: base,
    }
}

#[tokio::test]
async fn ten_thousand_members_come_in_few_statements() {
    let import = large_room(10_000);
    let stand = Stand::open().await;
    let room = import.room_id.clone();
    let start = Instant::now();
    let (outcome, spent) = causeway_store::meter::scope(stand.rooms.import(import)).await;
    println!(
        "10,000 members in {:?}, {} statements",
        start.elapsed(),
        spent.queries
    );
    assert_eq!(outcome.unwrap(), Outcome::Accepted);
    assert!(spent.queries < 80, "{} statements", spent.queries);
    let head = stand.rooms.head(&room).await.unwrap();
    assert_eq!(head.joined_members(), 10_002);
    assert_eq!(stand.current(&room).await.len(), 10_005);
}
