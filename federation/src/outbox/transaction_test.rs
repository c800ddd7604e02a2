use std::sync::Arc;

use causeway_store::RoomNid;
use causeway_store::outbox::OutEvent;
use ruma::owned_user_id;
use serde_json::Value;

use super::*;

fn events(count: usize, bytes: usize) -> VecDeque<(Position, Item)> {
    let event = Arc::new(OutEvent {
        room: RoomNid(1),
        json: "x".repeat(bytes),
        let_go: None,
        from: None,
    });
    (1..=count)
        .map(|at| (Position(at as i64), Item::Event(event.clone())))
        .collect()
}

#[test]
fn a_transaction_is_bounded_in_number_and_bytes() {
    assert_eq!(fitting(&events(10, 100)), 10);
    assert_eq!(fitting(&events(80, 100)), MAX_PDUS);
    assert!(fitting(&events(50, 60_000)) < 12);
}

#[test]
fn messages_to_devices_say_what_they_are() {
    let message = OutMessage {
        user: owned_user_id!("@bob:b.test"),
        device: "*".to_owned(),
        message: r#"{"type":"m.room_key","sender":"@alice:a.test","content":{"a":1}}"#.to_owned(),
    };
    let edu: Value = serde_json::from_str(&sent(&message, Position(7)).unwrap()).unwrap();
    assert_eq!(
        edu,
        json!({"edu_type": "m.direct_to_device", "content": {
            "sender": "@alice:a.test", "type": "m.room_key", "message_id": "7",
            "messages": {"@bob:b.test": {"*": {"a": 1}}},
        }})
    );
}

#[test]
fn receipts_say_their_thread() {
    let receipt = Receipt {
        room: RoomNid(1),
        room_id: "!room:a.test".try_into().unwrap(),
        user: owned_user_id!("@alice:a.test"),
        receipt_type: "m.read".to_owned(),
        thread_id: "main".to_owned(),
        event_id: "$event".try_into().unwrap(),
        event_anchor: None,
        ts_ms: 5,
    };
    let edu: Value = serde_json::from_str(&read(&receipt)).unwrap();
    assert_eq!(
        edu["content"]["!room:a.test"]["m.read"]["@alice:a.test"],
        json!({"data": {"ts": 5, "thread_id": "main"}, "event_ids": ["$event"]})
    );
}
