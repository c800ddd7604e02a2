use axum::Json;
use axum::extract::State;
use causeway_rooms::Rooms;
use ruma::OwnedRoomId;
use serde::Serialize;
use serde_json::value::RawValue;

use super::At;
use crate::api::pdus::texts;
use crate::error::ApiError;
use crate::origin::Origin;
use crate::parameters::{InPath, InQuery};

/// A state, and what authorises it.
#[derive(Serialize)]
pub(crate) struct Whole {
    pdus: Vec<Box<RawValue>>,
    auth_chain: Vec<Box<RawValue>>,
}

/// `GET /_matrix/federation/v1/state/{roomId}`
pub(crate) async fn state(
    State(rooms): State<Rooms>,
    InPath(room): InPath<OwnedRoomId>,
    InQuery(At { event_id }): InQuery<At>,
    origin: Origin,
) -> Result<Json<Whole>, ApiError> {
    let (state, chain) = rooms.serve_state(&room, &event_id, origin.name()).await?;
    Ok(Json(Whole {
        pdus: texts(&state)?,
        auth_chain: texts(&chain)?,
    }))
}
