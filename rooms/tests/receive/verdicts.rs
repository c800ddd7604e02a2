//! Events that must not stand, and those that are not understood yet.

use causeway_events::canonical::MAX_INT;
use causeway_rooms::Append;
use causeway_rooms::receive::{EventWithState, MAX_RECEIVED, Outcome, ReceiveError};
use causeway_store::log::{REJECTED, SOFT_FAILED};
use serde_json::json;

use crate::sim::{Nid, Room, user};
use crate::stand::{
    Forgery, OURS, Stand, add_join, ban, expected, id_of, joined, say, set, version,
};

/// What authorises a message of the room's creator.
fn auth_of(room: &Room, at: Nid) -> Vec<Nid> {
    room.auth_numbers(at)
}

#[tokio::test]
async fn what_the_state_forbids_is_rejected_and_kept_from_everybody() {
    let stand = Stand::open().await;
    let (mut room, join) = joined(&stand, "11").await;
    let hello = say(&mut room, &[join], OURS, "hello");
    stand.take(&room, hello).await;
    let levels = auth_of(&room, hello);
    let forgery = Forgery {
        room: &room,
        prev: vec![&room.events[hello]],
        auth: levels.iter().map(|n| &room.events[*n]).collect(),
        depth: 10,
    };
    // Our user has no power to name the room.
    let name = forgery.build(OURS, "m.room.name", Some(""), json!({"name": "mine"}));
    let start = stand.log.position();
    let outcome = stand.take_pdu(&name).await;
    assert!(matches!(outcome, Outcome::Rejected(_)), "{outcome:?}");
    assert_eq!(stand.flags(id_of(&room), &name).await, Some(REJECTED));
    assert_eq!(stand.log.position(), start, "it is no news");
    assert_eq!(
        stand.current(id_of(&room)).await,
        expected(&room, &room.states[hello])
    );
    let end = room.events[hello].event_id().to_string();
    assert_eq!(stand.ends(id_of(&room)).await, [end].into_iter().collect());
    // What follows on it stands on its own, with the state before the rejected event.
    let follower = Forgery {
        prev: vec![&name],
        ..forgery
    };
    let next = follower.build(OURS, "m.room.message", None, json!({"body": "next"}));
    assert_eq!(stand.take_pdu(&next).await, Outcome::Accepted);
    assert_eq!(stand.take_pdu(&name).await, Outcome::Known);
    assert_eq!(
        stand.current(id_of(&room)).await,
        expected(&room, &room.states[hello])
    );
    // What names it as the reason why it is allowed is not.
    let mut auth = follower.auth.clone();
    auth.push(&name);
    let by_it = Forgery { auth, ..follower };
    let by_it = by_it.build(OURS, "m.room.message", None, json!({"body": "by it"}));
    assert!(matches!(stand.take_pdu(&by_it).await, Outcome::Rejected(_)));
}

#[tokio::test]
async fn what_the_present_forbids_fails_softly() {
    let stand = Stand::open().await;
    let (mut room, join) = joined(&stand, "10").await;
    let bob = add_join(&mut room, &[join], 1);
    stand.take(&room, bob).await;
    let banned = ban(&mut room, &[bob], 0, 1);
    stand.take(&room, banned).await;
    // Bob says something as if he had not heard of the ban.
    let late = say(&mut room, &[bob], 1, "I was never banned");
    let start = stand.log.position();
    let outcome = stand.take(&room, late).await;
    assert!(matches!(outcome, Outcome::SoftFailed(_)), "{outcome:?}");
    assert_eq!(
        stand.flags(id_of(&room), &room.events[late]).await,
        Some(SOFT_FAILED)
    );
    assert_eq!(stand.log.position(), start);
    let end = room.events[banned].event_id().to_string();
    assert_eq!(stand.ends(id_of(&room)).await, [end].into_iter().collect());
    // A state event, too; and what others build on it is taken as they built it.
    let rename = room
        .add(
            &[late],
            1,
            "m.room.member",
            Some(user(1).as_str()),
            json!({"membership": "join", "displayname": "B"}),
        )
        .unwrap();
    assert!(matches!(
        stand.take(&room, rename).await,
        Outcome::SoftFailed(_)
    ));
    let merge = say(&mut room, &[rename, banned], 0, "I saw it");
    assert_eq!(stand.take(&room, merge).await, Outcome::Accepted);
    assert_eq!(
        stand.current(id_of(&room)).await,
        expected(&room, &room.states[merge])
    );
    // Our own events go on from there.
    let append = Append::one(causeway_events::Draft {
        event_type: "m.room.member".to_owned(),
        state_key: Some(user(OURS).to_string()),
        sender: user(OURS),
        content: serde_json::value::to_raw_value(
            &json!({"membership": "join", "displayname": "O"}),
        )
        .unwrap(),
        redacts: None,
        origin_ts_ms: stand.clock.now_ms(),
    });
    stand.rooms.append(id_of(&room), append).await.unwrap();
    let current = stand.current(id_of(&room)).await;
    assert!(current[&("m.room.member".to_owned(), user(OURS).to_string())].contains("\"O\""));
}

#[tokio::test]
async fn what_is_missing_is_named_and_nothing_is_written() {
    let stand = Stand::open().await;
    let (mut room, join) = joined(&stand, "12").await;
    let one = say(&mut room, &[join], 0, "one");
    let bob = add_join(&mut room, &[one], 1);
    let two = say(&mut room, &[bob], 1, "two");
    let missing = |n: Nid| room.events[n].owned_event_id().clone();
    assert_eq!(
        stand.take(&room, two).await,
        Outcome::Missing(vec![missing(bob)])
    );
    assert_eq!(stand.flags(id_of(&room), &room.events[two]).await, None);
    assert_eq!(
        stand.take(&room, bob).await,
        Outcome::Missing(vec![missing(one)])
    );
    let outcomes = stand.receive(&room, &[two, bob, one]).await;
    assert!(
        outcomes
            .iter()
            .all(|(_, outcome)| *outcome == Outcome::Accepted)
    );
    assert_eq!(
        stand.current(id_of(&room)).await,
        expected(&room, &room.states[two])
    );
}

#[tokio::test]
async fn auth_events_must_be_those_that_the_event_needs() {
    let stand = Stand::open().await;
    let (mut room, join) = joined(&stand, "9").await;
    let topic = set(&mut room, &[join], 0, "m.room.topic", json!({"topic": "t"}));
    stand.take(&room, topic).await;
    let (create, member, levels) = (&room.events[0], &room.events[1], &room.events[2]);
    let forgery = |auth| Forgery {
        room: &room,
        prev: vec![&room.events[topic]],
        auth,
        depth: 9,
    };
    let body = || json!({"body": "x"});
    for (auth, why) in [
        (vec![create, levels], "no member event"),
        (
            vec![create, member, levels, &room.events[topic]],
            "one that is not asked for",
        ),
        (vec![create, member, levels, member], "one twice"),
        (vec![member, levels], "no create event"),
    ] {
        let pdu = forgery(auth).build(0, "m.room.message", None, body());
        let outcome = stand.take_pdu(&pdu).await;
        assert!(
            matches!(outcome, Outcome::Rejected(_)),
            "{why}: {outcome:?}"
        );
    }
    let stranger = say(&mut Room::new(version("9")), &[3], 0, "elsewhere");
    assert_eq!(stranger, 4);
    let good = forgery(vec![create, member, levels]).build(0, "m.room.message", None, body());
    assert_eq!(stand.take_pdu(&good).await, Outcome::Accepted);
}

#[tokio::test]
async fn hostile_events_are_turned_away_and_harm_nothing() {
    let stand = Stand::open().await;
    let (mut room, join) = joined(&stand, "11").await;
    let (create, member, levels) = (&room.events[0], &room.events[1], &room.events[2]);
    let auth = vec![create, member, levels];
    let forgery = |prev, depth| Forgery {
        room: &room,
        prev,
        auth: auth.clone(),
        depth,
    };
    let body = || json!({"body": "x"});
    // Nothing can follow on a depth that cannot be said; and yet the room goes on.
    let deep = forgery(vec![&room.events[join]], MAX_INT.unsigned_abs());
    let deep = deep.build(0, "m.room.message", None, body());
    assert_eq!(stand.take_pdu(&deep).await, Outcome::Accepted);
    // Another beginning of the room, and one that follows on nothing.
    let second = forgery(vec![], 1).build(0, "m.room.message", None, body());
    assert!(matches!(
        stand.take_pdu(&second).await,
        Outcome::Rejected(_)
    ));
    assert_eq!(
        stand.flags(id_of(&room), &second).await,
        None,
        "not even kept"
    );
    let other = Room::new(version("11"));
    let create = other.events[0].clone();
    let outcome = stand
        .rooms
        .receive(id_of(&room), vec![create])
        .await
        .unwrap();
    assert!(matches!(
        outcome[0].1,
        Outcome::Rejected(_) | Outcome::Known
    ));
    // Characters that the database cannot keep.
    let zero = forgery(vec![&room.events[join]], 5).build(0, "zero\0", Some("\0"), body());
    assert!(matches!(stand.take_pdu(&zero).await, Outcome::Rejected(_)));
    let id = user(0);
    let name = json!({"membership": "join", "displayname": "a\u{0}b", "avatar_url": 5});
    let mut named = forgery(vec![&room.events[join]], 5);
    named.auth.push(&room.events[3]);
    let named = named.build(0, "m.room.member", Some(id.as_str()), name);
    assert_eq!(stand.take_pdu(&named).await, Outcome::Accepted);
    let far: Vec<_> = vec![deep.clone(); MAX_RECEIVED + 1];
    let refused = stand.rooms.receive(id_of(&room), far).await;
    assert!(matches!(refused, Err(ReceiveError::TooMany)));
    let append = Append::one(causeway_events::Draft {
        event_type: "m.room.message".to_owned(),
        state_key: None,
        sender: user(OURS),
        content: serde_json::value::to_raw_value(&body()).unwrap(),
        redacts: None,
        origin_ts_ms: stand.clock.now_ms(),
    });
    stand
        .rooms
        .append(id_of(&room), append)
        .await
        .expect("sent after the deepest event");
    let hello = say(&mut room, &[join], 0, "hello");
    assert_eq!(stand.take(&room, hello).await, Outcome::Accepted);
}

#[tokio::test]
async fn events_of_another_room_stay_outside() {
    let stand = Stand::open().await;
    let (room, _) = joined(&stand, "12").await;
    let mut other = Room::created(version("12"), json!({"another": "room"}));
    let hello = say(&mut other, &[1], 0, "hello");
    let pdu = other.events[hello].clone();
    let outcome = stand
        .rooms
        .receive(id_of(&room), vec![pdu.clone()])
        .await
        .unwrap();
    assert!(matches!(outcome[0].1, Outcome::Rejected(_)));
    let unknown = stand.rooms.receive(pdu.room_id(), vec![pdu.clone()]).await;
    assert!(
        matches!(unknown, Err(ReceiveError::NoSuchRoom)),
        "{unknown:?}"
    );
}

#[tokio::test]
async fn auth_chains_in_a_circle_end() {
    let stand = Stand::open().await;
    let (room, join) = joined(&stand, "1").await;
    // In version 1 ids are what their senders say, so two events can name each other.
    let raw = |id: &str, other: &str| {
        json!({
            "event_id": id, "room_id": id_of(&room), "sender": user(0), "type": "m.room.message",
            "content": {"body": "x"}, "depth": 9, "origin_server_ts": 1, "origin": "domain",
            "prev_events": [[other, {"sha256": "x"}]], "auth_events": [[other, {"sha256": "x"}]],
            "hashes": {"sha256": "x"}, "signatures": {"domain": {}},
        })
        .to_string()
    };
    let pdu = |id: &str, other: &str| {
        causeway_events::Pdu::from_stored(version("1"), id.try_into().unwrap(), raw(id, other))
            .unwrap()
    };
    let (a, b) = (pdu("$a:domain", "$b:domain"), pdu("$b:domain", "$a:domain"));
    let itself = pdu("$c:domain", "$c:domain");
    let outcomes = stand
        .rooms
        .receive(id_of(&room), vec![a, b, itself])
        .await
        .unwrap();
    assert_eq!(outcomes.len(), 3);
    for (id, outcome) in outcomes {
        assert!(matches!(outcome, Outcome::Missing(_)), "{id}: {outcome:?}");
    }
    assert_eq!(
        stand.current(id_of(&room)).await,
        expected(&room, &room.states[join])
    );
}

#[tokio::test]
async fn behind_a_gap_the_given_state_counts() {
    let stand = Stand::open().await;
    let (mut room, join) = joined(&stand, "11").await;
    let lost = set(
        &mut room,
        &[join],
        0,
        "m.room.topic",
        json!({"topic": "lost"}),
    );
    let bob = add_join(&mut room, &[lost], 1);
    let unseen = say(&mut room, &[bob], 1, "unseen");
    let hello = say(&mut room, &[unseen], 1, "hello");
    assert!(matches!(
        stand.take(&room, hello).await,
        Outcome::Missing(_)
    ));
    let ids = |nids: &mut dyn Iterator<Item = Nid>| -> Vec<_> {
        nids.map(|n| room.events[n].owned_event_id().clone())
            .collect()
    };
    let state = ids(&mut room.states[unseen].values().copied());
    let event = |events: &[Nid]| EventWithState {
        event: room.events[hello].clone(),
        state: state.clone(),
        events: events.iter().map(|n| room.events[*n].clone()).collect(),
    };
    let outcome = stand
        .rooms
        .receive_with_state(id_of(&room), event(&[]))
        .await
        .unwrap();
    let mut missing = match outcome {
        Outcome::Missing(ids) => ids,
        other => panic!("{other:?}"),
    };
    missing.sort();
    let mut wanted = ids(&mut [lost, bob].into_iter());
    wanted.sort();
    assert_eq!(missing, wanted);
    let outcome = stand
        .rooms
        .receive_with_state(id_of(&room), event(&[lost, bob]))
        .await
        .unwrap();
    assert_eq!(outcome, Outcome::Accepted);
    assert_eq!(
        stand.current(id_of(&room)).await,
        expected(&room, &room.states[hello])
    );
    assert_eq!(
        stand.ends(id_of(&room)).await.len(),
        2,
        "the old end and the new one"
    );
    // What was missing and comes late is no end any more, and changes nothing of the present.
    let next = say(&mut room, &[hello, join], 0, "all is one");
    assert_eq!(stand.take(&room, next).await, Outcome::Accepted);
    let outcomes = stand.receive(&room, &[lost, bob, unseen]).await;
    assert!(
        outcomes
            .iter()
            .all(|(_, outcome)| *outcome == Outcome::Accepted),
        "{outcomes:?}"
    );
    assert_eq!(
        stand.current(id_of(&room)).await,
        expected(&room, &room.states[next])
    );
}
