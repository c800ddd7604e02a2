//! Endpoints of the first clients, which the specification has deprecated and some programs still
//! call. They are made of what their successors answer.

mod event;
mod events;
mod initial_sync;
mod peek;
mod redact;
mod send;

pub use event::event;
pub use events::events;
pub use initial_sync::initial_sync;
pub use redact::redact;
pub use send::send;

use std::collections::HashMap;
use std::sync::Arc;

use causeway_sync::{Filter, State, StateAt, Sync, SyncRequest};
use ruma::UserId;
use serde_json::Value;

use crate::client::error::ApiError;
use crate::client::extract::Session;

/// The member event by which the user is invited to a room: the whole event where it is stored, or
/// else what an answer of `/sync` tells of it.
fn invite_of(
    room_id: &str,
    user_id: &UserId,
    invites: &HashMap<String, String>,
    told: Vec<Value>,
) -> Option<Value> {
    let whole = invites.get(room_id);
    let whole = whole.and_then(|json| serde_json::from_str(json).ok());
    let mut told = told.into_iter();
    whole.or_else(|| told.find(|event| event["state_key"] == user_id.as_str()))
}

/// What `/sync` answers, as JSON.
async fn sync_as_value(
    sync: &Sync,
    session: Session,
    since: Option<&str>,
    filter: Filter,
    timeout_ms: u64,
) -> Result<Value, ApiError> {
    let since = since.map(str::parse).transpose();
    let request = SyncRequest {
        user_id: session.user_id,
        device_id: Some(session.device_id),
        since: since.map_err(|_| ApiError::invalid_param("This is not a token of this server"))?,
        filter: Arc::new(filter),
        full_state: false,
        state_at: StateAt::End,
        timeout_ms,
        // They have no way to say otherwise: whoever asks is there.
        set_presence: Some(State::Online),
    };
    serde_json::from_slice(&sync.sync(request).await?).map_err(ApiError::internal)
}

/// Takes an array out of a value; empty if there is none.
fn take_events(value: &mut Value) -> Vec<Value> {
    match value["events"].take() {
        Value::Array(events) => events,
        _ => Vec::new(),
    }
}

/// `m.presence` as the first clients read it: with the user in the content.
pub fn present_person(mut event: Value) -> Value {
    event["content"]["user_id"] = event["sender"].clone();
    event
}

/// The same events as the first clients read them: with the id of their room, and with the sender
/// as `user_id`.
pub fn of_room(room_id: &str, events: Vec<Value>) -> impl Iterator<Item = Value> {
    events.into_iter().map(move |mut event| {
        event["room_id"] = room_id.into();
        if event["sender"].is_string() {
            event["user_id"] = event["sender"].clone();
        }
        event
    })
}

/// The rooms of one kind (`join`, `invite`, `leave`) in an answer of `/sync`.
fn rooms_of(answer: &mut Value, kind: &str) -> Vec<(String, Value)> {
    match answer["rooms"][kind].take() {
        Value::Object(rooms) => rooms.into_iter().collect(),
        _ => Vec::new(),
    }
}
