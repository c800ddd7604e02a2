//! Shorthand for the tests of actions.
#![allow(dead_code, missing_docs, reason = "each test binary uses its part")]

use causeway_rooms::actions::{
    ChangeMember, CreateRoom, Join, Knock, MembershipError, Preset, Redact, SendError, SendEvent,
    SetState,
};
use causeway_rooms::{Rooms, StateEntry, WriteError};
use ruma::{EventId, OwnedEventId, OwnedRoomId, RoomId, RoomVersionId, UserId, owned_device_id};
use serde_json::value::to_raw_value;
use serde_json::{Map, Value};

/// A request for a private room of this version.
pub fn private_room(creator: &UserId, version: RoomVersionId) -> CreateRoom {
    CreateRoom {
        creator: creator.to_owned(),
        version: Some(version),
        published: false,
        preset: Some(Preset::PrivateChat),
        alias_name: None,
        name: None,
        topic: None,
        invite_elsewhere: Vec::new(),
        invite: Vec::new(),
        is_direct: false,
        initial_state: Vec::new(),
        power_override: Map::new(),
        creation_content: Map::new(),
    }
}

/// A public room.
pub async fn public_room(rooms: &Rooms, creator: &UserId, version: RoomVersionId) -> OwnedRoomId {
    let request = CreateRoom {
        preset: Some(Preset::PublicChat),
        ..private_room(creator, version)
    };
    rooms.create(request).await.expect("a room")
}

pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => panic!("{other} is no object"),
    }
}

pub fn text(room: &RoomId, sender: &UserId, body: &str, txn: &str) -> SendEvent {
    event(
        room,
        sender,
        "m.room.message",
        serde_json::json!({"msgtype": "m.text", "body": body}),
        txn,
    )
}

pub fn event(room: &RoomId, sender: &UserId, kind: &str, content: Value, txn: &str) -> SendEvent {
    SendEvent {
        room: room.to_owned(),
        sender: sender.to_owned(),
        device: Some(owned_device_id!("PHONE")),
        event_type: kind.to_owned(),
        content: to_raw_value(&content).expect("JSON"),
        txn_id: Some(txn.to_owned()),
        timestamp_ms: None,
    }
}

pub fn state(room: &RoomId, sender: &UserId, kind: &str, key: &str, content: Value) -> SetState {
    SetState {
        room: room.to_owned(),
        sender: sender.to_owned(),
        event_type: kind.to_owned(),
        state_key: key.to_owned(),
        content: to_raw_value(&content).expect("JSON"),
        timestamp_ms: None,
    }
}

pub fn redaction(room: &RoomId, sender: &UserId, target: &EventId) -> Redact {
    Redact {
        room: room.to_owned(),
        sender: sender.to_owned(),
        device: Some(owned_device_id!("PHONE")),
        target: target.to_owned(),
        reason: Some("spam".to_owned()),
        txn_id: None,
        timestamp_ms: None,
        own_only: false,
    }
}

pub async fn say(rooms: &Rooms, room: &RoomId, sender: &UserId, body: &str) -> OwnedEventId {
    let sent = rooms.send(text(room, sender, body, body)).await;
    sent.expect("sent")
}

pub async fn join(rooms: &Rooms, room: &RoomId, user: &UserId) -> Result<(), MembershipError> {
    let join = Join {
        room: room.to_owned(),
        user: user.to_owned(),
        is_guest: false,
        content: Map::new(),
    };
    rooms.join(join).await.map(|_| ())
}

pub async fn invite(
    rooms: &Rooms,
    room: &RoomId,
    sender: &UserId,
    target: &UserId,
) -> Result<(), MembershipError> {
    let invite = ChangeMember {
        room: room.to_owned(),
        sender: sender.to_owned(),
        target: target.to_owned(),
        reason: None,
    };
    rooms.invite(invite).await
}

pub async fn knock(rooms: &Rooms, room: &RoomId, user: &UserId) -> Result<(), MembershipError> {
    let knock = Knock {
        room: room.to_owned(),
        user: user.to_owned(),
        reason: Some("please".to_owned()),
    };
    rooms.knock(knock).await.map(|_| ())
}

pub fn change(room: &RoomId, sender: &UserId, target: &UserId) -> ChangeMember {
    ChangeMember {
        room: room.to_owned(),
        sender: sender.to_owned(),
        target: target.to_owned(),
        reason: Some("because".to_owned()),
    }
}

/// The membership of a user in the current state, in the specification's word.
pub async fn membership(rooms: &Rooms, room: &RoomId, user: &UserId) -> Option<&'static str> {
    let member = rooms.member(room, user).await.expect("a head");
    member
        .as_ref()
        .and_then(StateEntry::membership)
        .map(|membership| membership.word())
}

/// The content of a member event.
pub async fn member(rooms: &Rooms, room: &RoomId, user: &UserId) -> Value {
    let member = rooms.member(room, user).await.expect("a head");
    let member = member.expect("a member");
    serde_json::from_str(member.pdu.content_json()).expect("JSON")
}

/// The content of state with an empty key; null if there is none.
pub async fn content(rooms: &Rooms, room: &RoomId, kind: &str) -> Value {
    let head = rooms.head(room).await.expect("a head");
    head.state(kind, "").map_or(Value::Null, |entry| {
        serde_json::from_str(entry.pdu.content_json()).expect("JSON")
    })
}

pub fn is_forbidden(error: &MembershipError) -> bool {
    matches!(
        error,
        MembershipError::Write(WriteError::Forbidden(_)) | MembershipError::NotInRoom
    )
}

pub fn send_is_forbidden(error: &SendError) -> bool {
    matches!(
        error,
        SendError::Write(WriteError::Forbidden(_)) | SendError::NotInRoom
    )
}
