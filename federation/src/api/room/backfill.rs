use axum::Json;
use axum::extract::State;
use causeway_rooms::Rooms;
use causeway_store::Clock;
use ruma::{OwnedEventId, OwnedRoomId};

use super::Events;
use crate::error::ApiError;
use crate::origin::Origin;
use crate::parameters::{InPath, Pairs};

/// `GET /_matrix/federation/v1/backfill/{roomId}`
pub(crate) async fn backfill(
    State(rooms): State<Rooms>,
    State(clock): State<Clock>,
    InPath(room): InPath<OwnedRoomId>,
    pairs: Pairs,
    origin: Origin,
) -> Result<Json<Events>, ApiError> {
    let from: Vec<OwnedEventId> = pairs.all("v")?;
    let limit: Option<usize> = pairs.all("limit")?.pop();
    let limit = limit.ok_or_else(|| ApiError::invalid_param("`limit` is missing"))?;
    let pdus = rooms.serve_backfill(&room, &from, limit, origin.name());
    let pdus = pdus.await?;
    Events::new(rooms.server_name(), clock.now_ms(), &pdus).map(Json)
}
