use axum::Json;
use axum::extract::State;
use causeway_sync::Sync;
use ruma::{OwnedRoomId, OwnedUserId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::json_body::JsonBody;
use crate::client::parameters::InPath;

/// How long somebody is typing who does not say for how long, in milliseconds.
const DEFAULT_TYPING_MS: u64 = 30_000;

/// What a client says of its user.
#[derive(Debug, Deserialize)]
pub struct Typing {
    typing: bool,
    timeout: Option<u64>,
}

/// `PUT /_matrix/client/v3/rooms/{roomId}/typing/{userId}`
pub async fn set(
    State(sync): State<Sync>,
    session: Session,
    InPath((room_id, user_id)): InPath<(OwnedRoomId, OwnedUserId)>,
    JsonBody(typing): JsonBody<Typing>,
) -> Result<Json<Value>, ApiError> {
    session.must_be(&user_id)?;
    let timeout_ms = typing
        .typing
        .then(|| typing.timeout.unwrap_or(DEFAULT_TYPING_MS));
    sync.set_typing(&room_id, &session.user_id, timeout_ms)
        .await?;
    Ok(Json(json!({})))
}
