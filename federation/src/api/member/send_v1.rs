use axum::Json;
use axum::extract::State;
use causeway_rooms::Rooms;
use causeway_store::log::Membership;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::send::{Which, joined, send_leave};
use crate::error::ApiError;
use crate::keys::KeyRing;
use crate::origin::Signed;

/// `PUT /_matrix/federation/v1/send_join/{roomId}/{eventId}`, which older servers use: the answer
/// is a pair of a status and what it is today.
pub(crate) async fn send_join_v1(
    State(rooms): State<Rooms>,
    State(ring): State<KeyRing>,
    which: Which,
    request: Signed<Box<RawValue>>,
) -> Result<Json<Value>, ApiError> {
    let wish = (Membership::Join, false);
    let joined = joined(&rooms, &ring, which, request, wish).await?;
    let joined = serde_json::to_value(joined).map_err(ApiError::internal)?;
    Ok(Json(json!([200, joined])))
}

/// `PUT /_matrix/federation/v1/send_leave/{roomId}/{eventId}`, likewise.
pub(crate) async fn send_leave_v1(
    rooms: State<Rooms>,
    ring: State<KeyRing>,
    which: Which,
    request: Signed<Box<RawValue>>,
) -> Result<Json<Value>, ApiError> {
    let Json(left) = send_leave(rooms, ring, which, request).await?;
    Ok(Json(json!([200, left])))
}
