use axum::Json;
use axum::extract::State;
use causeway_rooms::delayed::{DelayedEvents, Wish};
use ruma::{OwnedRoomId, OwnedTransactionId};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::json_body::JsonBody;
use crate::client::parameters::InPath;

/// What is to be sent, and when.
#[derive(Debug, Deserialize)]
pub struct Request {
    delay_ms: u64,
    state_key: Option<String>,
    content: Box<RawValue>,
}

/// The parameter by which an earlier form of the proposal delayed what is sent at the ordinary
/// endpoints. Clients in use know no other.
#[derive(Debug, Deserialize)]
pub struct Delay {
    /// For how long, in milliseconds.
    #[serde(rename = "org.matrix.msc4140.delay")]
    pub ms: Option<u64>,
}

/// `PUT .../org.matrix.msc4140/rooms/{roomId}/delayed_event/{eventType}/{txnId}`.
pub async fn schedule(
    State(delayed): State<DelayedEvents>,
    session: Session,
    InPath((room, event_type, txn_id)): InPath<(OwnedRoomId, String, OwnedTransactionId)>,
    JsonBody(request): JsonBody<Request>,
) -> Result<Json<Value>, ApiError> {
    let wish = Wish {
        user: session.user_id,
        device: session.device_id.to_string(),
        txn_id: Some(txn_id.to_string()),
        room,
        event_type,
        state_key: request.state_key,
        content: request.content,
        delay_ms: request.delay_ms,
    };
    later(&delayed, wish).await
}

/// Schedules an event, and says what it is called by.
pub async fn later(delayed: &DelayedEvents, wish: Wish) -> Result<Json<Value>, ApiError> {
    let delay_id = delayed.schedule(wish).await?;
    Ok(Json(json!({ "delay_id": delay_id })))
}
