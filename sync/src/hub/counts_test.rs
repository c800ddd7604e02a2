use std::sync::Arc;

use causeway_store::Position;
use causeway_store::push::{SharedChange, ThreadCount, UserChange};
use ruma::owned_user_id;

use super::*;

const ROOM: RoomNid = RoomNid(1);

fn bob() -> OwnedUserId {
    owned_user_id!("@bob:example.org")
}

fn change(position: i64) -> Change {
    Change {
        position: Position(position),
        ..Change::default()
    }
}

fn notifies(position: i64, except: &[&str]) -> Change {
    let shared = SharedChange {
        room: ROOM,
        thread: "main".into(),
        highlight: false,
        except: except
            .iter()
            .map(|user| (*user).into())
            .collect::<Arc<[Box<str>]>>(),
    };
    Change {
        shared: vec![shared],
        ..change(position)
    }
}

fn counts_of(counts: &HubCounts) -> Option<(u32, u32)> {
    let (known, _) = counts.known(ROOM, &bob())?;
    let ThreadCount {
        notified,
        highlighted,
    } = known.total();
    Some((notified, highlighted))
}

fn known(at: i64) -> HubCounts {
    let mut counts = HubCounts::starting_at(at);
    counts.put(ROOM, &bob(), RoomCounts::default(), at, at);
    counts
}

#[test]
fn what_is_shared_is_added_for_all_but_those_with_rules_of_their_own() {
    let mut counts = known(5);
    counts.take_in(&notifies(6, &[]));
    assert_eq!(counts_of(&counts), Some((1, 0)));
    counts.take_in(&notifies(7, &["@bob:example.org"]));
    assert_eq!(counts_of(&counts), Some((1, 0)));
}

#[test]
fn what_one_user_is_told_besides_is_added_in_any_order() {
    let mut counts = known(5);
    let mut mention = notifies(6, &[]);
    mention.users.push(UserChange {
        room: ROOM,
        user: "@bob:example.org".into(),
        thread: "main".into(),
        notified: 0,
        highlighted: 1,
    });
    counts.take_in(&mention);
    assert_eq!(counts_of(&counts), Some((1, 1)));
    let mut own = notifies(7, &[]);
    own.users.push(UserChange {
        room: ROOM,
        user: "@bob:example.org".into(),
        thread: "main".into(),
        notified: -1,
        highlighted: 0,
    });
    counts.take_in(&own);
    assert_eq!(counts_of(&counts), Some((1, 1)));
}

#[test]
fn what_the_database_said_is_not_added_twice() {
    let mut counts = HubCounts::starting_at(5);
    let mut said = RoomCounts::default();
    said.add("main", 3, 0);
    counts.put(ROOM, &bob(), said.clone(), 7, 7);
    counts.take_in(&notifies(6, &[]));
    counts.take_in(&notifies(7, &[]));
    assert_eq!(counts_of(&counts), Some((3, 0)));
    counts.take_in(&notifies(8, &[]));
    assert_eq!(counts_of(&counts), Some((4, 0)));
    // An answer from before what was heard is not kept.
    counts.forget(ROOM, &bob());
    counts.put(ROOM, &bob(), said, 7, 7);
    assert_eq!(counts_of(&counts), None);
}

#[test]
fn reading_is_news() {
    let mut counts = known(5);
    counts.take_in(&notifies(6, &[]));
    let mut read = change(7);
    read.read
        .push((ROOM, "@bob:example.org".into(), RoomCounts::default()));
    counts.take_in(&read);
    assert_eq!(counts_of(&counts), Some((0, 0)));
    assert_eq!(
        counts.since(ROOM, &bob(), 6),
        Unread::New(RoomCounts::default())
    );
    assert_eq!(counts.since(ROOM, &bob(), 7), Unread::Same);
    // Reading what was read is none.
    let mut again = change(8);
    again
        .read
        .push((ROOM, "@bob:example.org".into(), RoomCounts::default()));
    counts.take_in(&again);
    assert_eq!(counts.since(ROOM, &bob(), 7), Unread::Same);
}

#[test]
fn what_is_not_known_is_asked_for() {
    let mut counts = known(5);
    let mut redaction = change(6);
    redaction.unknown.push(ROOM);
    counts.take_in(&redaction);
    assert_eq!(counts_of(&counts), None);
    assert_eq!(counts.since(ROOM, &bob(), 5), Unread::Ask);
    assert!(counts.reaches(&bob(), 5));
    let mut all = change(9);
    all.all_unknown = true;
    counts.take_in(&all);
    assert!(!counts.reaches(&bob(), 8));
    assert!(counts.reaches(&bob(), 9));
}

#[test]
fn what_is_given_to_all_and_taken_from_one_is_no_change_to_them() {
    let mut counts = known(5);
    let mut own = notifies(6, &[]);
    own.users.push(UserChange {
        room: ROOM,
        user: "@bob:example.org".into(),
        thread: "main".into(),
        notified: -1,
        highlighted: 0,
    });
    counts.take_in(&own);
    assert_eq!(counts.since(ROOM, &bob(), 5), Unread::Same);
    counts.take_in(&notifies(7, &[]));
    assert!(matches!(counts.since(ROOM, &bob(), 5), Unread::New(_)));
}
