//! The write path against a real database.

mod kitchen;

use std::collections::HashSet;

use causeway_events::{Pdu, RoomVersion};
use causeway_rooms::{Append, WriteError};
use causeway_store::log::{Entry, ProfileField};
use causeway_store::{AppendError, Change, meter, state};
use futures::future::join_all;
use kitchen::{Kitchen, node, transaction};
use ruma::signatures::reference_hash;
use ruma::{OwnedEventId, RoomVersionId, user_id};
use serde_json::json;

#[tokio::test]
async fn every_version_takes_a_message_and_keeps_it() {
    let kitchen = Kitchen::open().await;
    let alice = user_id!("@alice:hs.test");
    for version in RoomVersion::all() {
        let room = kitchen.room(version.id().clone(), alice).await;
        let sent = kitchen
            .rooms
            .append(&room, kitchen.message(alice, "hello"))
            .await
            .expect("sent");
        let head = kitchen.rooms.head(&room).await.expect("a head");
        let stored =
            causeway_store::rooms::find_event(&kitchen.store, head.room(), &sent.event_ids[0])
                .await;
        let stored = stored.expect("an answer").expect("the event");
        assert!(stored.json.contains("hello"), "version {}", version.id());
        assert_eq!(head.joined_members(), 1);
    }
}

#[tokio::test]
async fn old_versions_name_the_event_before_with_its_hash_even_after_a_start() {
    let kitchen = Kitchen::open().await;
    let alice = user_id!("@alice:hs.test");
    for version in [RoomVersionId::V1, RoomVersionId::V2] {
        let room = kitchen.room(version.clone(), alice).await;
        let (_, _, cold, _) = node(&kitchen.database).await;
        let mut before: Option<Pdu> = None;
        for rooms in [&kitchen.rooms, &kitchen.rooms, &cold] {
            let sent = rooms.append(&room, kitchen.message(alice, "x")).await;
            let id = sent.expect("sent").event_ids.remove(0);
            let nid = rooms.head(&room).await.expect("a head").room();
            let row = causeway_store::rooms::find_event(&kitchen.store, nid, &id).await;
            let json = row.expect("an answer").expect("the event").json;
            let pdu = Pdu::from_stored(RoomVersion::find(&version).expect("known"), id, json);
            let pdu = pdu.expect("an event");
            if let Some(before) = before {
                let rules = version.rules().expect("known");
                let hash = reference_hash(&before.to_object(), &rules).expect("a hash");
                let json: serde_json::Value = serde_json::from_str(pdu.json()).expect("JSON");
                let named = json!([[before.event_id(), {"sha256": hash}]]);
                assert_eq!(json["prev_events"], named);
            }
            before = Some(pdu);
        }
    }
}

#[tokio::test]
async fn a_warm_room_is_written_without_a_read() {
    let kitchen = Kitchen::open().await;
    let alice = user_id!("@alice:hs.test");
    let room = kitchen.room(RoomVersionId::V12, alice).await;
    let (sent, spent) =
        meter::scope(kitchen.rooms.append(&room, kitchen.message(alice, "one"))).await;
    sent.expect("sent");
    assert_eq!(spent.queries, 0, "a message in a warm room reads nothing");
}

#[tokio::test]
async fn the_same_transaction_gives_the_same_event() {
    let kitchen = Kitchen::open().await;
    let alice = user_id!("@alice:hs.test");
    let room = kitchen.room(RoomVersionId::V11, alice).await;
    let sends = (0..10).map(|_| {
        let append = Append {
            sent_by: transaction("txn1"),
            ..kitchen.message(alice, "once")
        };
        kitchen.rooms.append(&room, append)
    });
    let ids: HashSet<OwnedEventId> = join_all(sends)
        .await
        .into_iter()
        .flat_map(|sent| sent.expect("sent").event_ids)
        .collect();
    assert_eq!(ids.len(), 1);
    let again = Append {
        sent_by: transaction("txn1"),
        ..kitchen.message(alice, "changed")
    };
    let again = kitchen.rooms.append(&room, again).await.expect("sent");
    assert_eq!(ids.into_iter().collect::<Vec<_>>(), again.event_ids);
    assert_eq!(
        kitchen.log.position().0,
        4,
        "three events of the room and one message"
    );
}

#[tokio::test]
async fn crowds_on_two_nodes_leave_one_unforked_chain() {
    let kitchen = Kitchen::open().await;
    let alice = user_id!("@alice:hs.test");
    let room = kitchen.room(RoomVersionId::V12, alice).await;
    let (_store, _log, other, _clock) = node(&kitchen.database).await;
    let sends = (0..60).map(|n| {
        let rooms = if n % 3 == 0 { &other } else { &kitchen.rooms };
        rooms.append(&room, kitchen.message(alice, &n.to_string()))
    });
    for sent in join_all(sends).await {
        sent.expect("sent");
    }
    let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
        "SELECT e.anchor, e.depth, cardinality(e.prev_nids)::bigint FROM events e ORDER BY e.anchor",
    )
    .fetch_all(kitchen.store.pool())
    .await
    .expect("events");
    assert_eq!(rows.len(), 63);
    for (at, (anchor, depth, prev)) in rows.iter().enumerate() {
        let place = i64::try_from(at).expect("small") + 1;
        assert_eq!(
            (*anchor, *depth, *prev),
            (place, place, i64::from(place > 1))
        );
    }
}

#[tokio::test]
async fn readers_see_every_entry_in_order() {
    let kitchen = Kitchen::open().await;
    let alice = user_id!("@alice:hs.test");
    let mut tail = kitchen.log.tail();
    let room = kitchen.room(RoomVersionId::V10, alice).await;
    join_all((0..40).map(|n| {
        kitchen
            .rooms
            .append(&room, kitchen.message(alice, &n.to_string()))
    }))
    .await;
    let mut seen = 0;
    while seen < 43 {
        for entry in tail.recv().await.expect("a batch").iter() {
            seen += 1;
            assert_eq!(entry.position.0, seen);
            assert!(matches!(entry.entry, Entry::Event(_)));
        }
    }
}

#[tokio::test]
async fn what_is_forbidden_is_not_written() {
    let kitchen = Kitchen::open().await;
    let (alice, mallory) = (user_id!("@alice:hs.test"), user_id!("@mallory:hs.test"));
    let room = kitchen.room(RoomVersionId::V11, alice).await;
    let refused = kitchen
        .rooms
        .append(&room, kitchen.message(mallory, "let me in"))
        .await;
    assert!(
        matches!(refused, Err(WriteError::Forbidden(_))),
        "{refused:?}"
    );
    let both = Append {
        drafts: vec![
            kitchen.state(alice, "m.room.topic", "", json!({"topic": "t"})),
            kitchen.state(mallory, "m.room.topic", "", json!({"topic": "u"})),
        ],
        ..Append::default()
    };
    assert!(kitchen.rooms.append(&room, both).await.is_err());
    assert_eq!(
        kitchen.log.position().0,
        3,
        "neither of the two was written"
    );
    let large = kitchen.message(alice, &"x".repeat(70_000));
    assert!(matches!(
        kitchen.rooms.append(&room, large).await,
        Err(WriteError::Build(_))
    ));
}

#[tokio::test]
async fn a_redaction_blanks_its_target_in_the_head_and_in_the_table() {
    let kitchen = Kitchen::open().await;
    let alice = user_id!("@alice:hs.test");
    let room = kitchen.room(RoomVersionId::V11, alice).await;
    let topic = kitchen.state(alice, "m.room.topic", "", json!({"topic": "secret"}));
    let topic = kitchen
        .rooms
        .append(&room, Append::one(topic))
        .await
        .expect("set")
        .event_ids
        .remove(0);
    let mut redaction = kitchen.draft(alice, "m.room.redaction", json!({}));
    redaction.redacts = Some(topic.clone());
    kitchen
        .rooms
        .append(&room, Append::one(redaction))
        .await
        .expect("redacted");
    let head = kitchen.rooms.head(&room).await.expect("a head");
    let kept = head.state("m.room.topic", "").expect("still there");
    assert!(!kept.pdu.json().contains("secret"));
    let row = causeway_store::rooms::find_event(&kitchen.store, head.room(), &topic).await;
    let row = row.expect("an answer").expect("the event");
    assert!(!row.json.contains("secret"));
    assert_eq!(row.flags, causeway_store::log::REDACTED);
}

#[tokio::test]
async fn states_load_whole_and_by_entry_with_and_without_checkpoints() {
    let kitchen = Kitchen::open().await;
    let alice = user_id!("@alice:hs.test");
    let room = kitchen.room(RoomVersionId::V12, alice).await;
    let mut at = Vec::new();
    for n in 0..30 {
        let key = format!("k{}", n % 7);
        let draft = kitchen.state(alice, "test.state", &key, json!({"n": n}));
        let id = kitchen
            .rooms
            .append(&room, Append::one(draft))
            .await
            .expect("set")
            .event_ids
            .remove(0);
        let head = kitchen.rooms.head(&room).await.expect("a head");
        let row = causeway_store::rooms::find_event(&kitchen.store, head.room(), &id).await;
        at.push(row.expect("an answer").expect("the event"));
        if n % 11 == 5 {
            state::write_checkpoint(&kitchen.store, head.room(), at[n].state)
                .await
                .expect("written");
        }
    }
    for (n, event) in at.iter().enumerate() {
        let whole = state::load(&kitchen.store, event.room, event.state)
            .await
            .expect("a state");
        assert_eq!(whole.len(), 3 + (n + 1).min(7), "after change {n}");
        for (key, stands) in &whole {
            let entry = state::find_entry(&kitchen.store, event.room, event.state, *key).await;
            assert_eq!(entry.expect("an answer"), Some(*stands));
        }
        let last = state::diff(&kitchen.store, event.room, at[0].state, event.state)
            .await
            .expect("a difference");
        assert_eq!(last.len(), n.min(7));
        let back = state::diff(&kitchen.store, event.room, event.state, at[0].state)
            .await
            .expect("a difference");
        assert_eq!(back.len(), n.min(7));
    }
}

#[tokio::test]
async fn a_change_that_the_database_refuses_harms_no_other() {
    let kitchen = Kitchen::open().await;
    let alice = user_id!("@alice:hs.test");
    let room = kitchen.room(RoomVersionId::V12, alice).await;
    let field = |value: &str| {
        kitchen.log.append(Change::Profile(ProfileField {
            user: alice.to_owned(),
            field: value.to_owned(),
            value: Some(json!("x")),
        }))
    };
    let send = kitchen.rooms.append(&room, kitchen.message(alice, "hello"));
    // Text with a zero character is what Postgres cannot keep.
    let (bad, good, sent) = tokio::join!(field("zero\0"), field("displayname"), send);
    assert!(matches!(bad, Err(AppendError::Conflict(_))), "{bad:?}");
    good.expect("written");
    sent.expect("sent");
}
