use axum::Json;
use axum::extract::State;
use causeway_rooms::Rooms;
use ruma::{OwnedEventId, OwnedRoomId};
use serde::Serialize;

use super::At;
use crate::error::ApiError;
use crate::origin::Origin;
use crate::parameters::{InPath, InQuery};

/// A state by its ids, and what authorises it.
#[derive(Serialize)]
pub(crate) struct Ids {
    pdu_ids: Vec<OwnedEventId>,
    auth_chain_ids: Vec<OwnedEventId>,
}

/// `GET /_matrix/federation/v1/state_ids/{roomId}`
pub(crate) async fn state_ids(
    State(rooms): State<Rooms>,
    InPath(room): InPath<OwnedRoomId>,
    InQuery(At { event_id }): InQuery<At>,
    origin: Origin,
) -> Result<Json<Ids>, ApiError> {
    let name = origin.name();
    let ids = rooms.serve_state_ids(&room, &event_id, name).await?;
    Ok(Json(Ids {
        pdu_ids: ids.state,
        auth_chain_ids: ids.auth_chain,
    }))
}
