use axum::Json;
use axum::extract::State;
use causeway_rooms::Rooms;
use ruma::{OwnedEventId, OwnedRoomId};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::api::pdus::texts;
use crate::error::ApiError;
use crate::origin::Origin;
use crate::parameters::InPath;

/// What authorises an event.
#[derive(Serialize)]
pub(crate) struct Chain {
    auth_chain: Vec<Box<RawValue>>,
}

/// `GET /_matrix/federation/v1/event_auth/{roomId}/{eventId}`
pub(crate) async fn auth(
    State(rooms): State<Rooms>,
    InPath((room, event)): InPath<(OwnedRoomId, OwnedEventId)>,
    origin: Origin,
) -> Result<Json<Chain>, ApiError> {
    let chain = rooms.serve_auth_chain(&room, &event, origin.name()).await?;
    Ok(Json(Chain {
        auth_chain: texts(&chain)?,
    }))
}
