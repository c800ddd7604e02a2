use axum::Json;
use axum::extract::State;
use causeway_rooms::Rooms;
use ruma::{OwnedEventId, OwnedRoomId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::api::pdus::texts;
use crate::error::ApiError;
use crate::origin::Signed;
use crate::parameters::InPath;

/// The body of [`missing`].
#[derive(Deserialize)]
pub(crate) struct Question {
    earliest_events: Vec<OwnedEventId>,
    latest_events: Vec<OwnedEventId>,
    #[serde(default = "default_limit")]
    limit: usize,
    #[serde(default)]
    min_depth: u64,
}

/// The limit of the specification where none is named.
fn default_limit() -> usize {
    10
}

/// What was missing.
#[derive(Serialize)]
pub(crate) struct Found {
    events: Vec<Box<RawValue>>,
}

/// `POST /_matrix/federation/v1/get_missing_events/{roomId}`
pub(crate) async fn missing(
    State(rooms): State<Rooms>,
    InPath(room): InPath<OwnedRoomId>,
    request: Signed<Box<RawValue>>,
) -> Result<Json<Found>, ApiError> {
    let name = request.origin.name();
    // First who asks, then what.
    if !rooms.head(&room).await?.allows_server(name) {
        return Err(ApiError::forbidden("Your server is not let into the room"));
    }
    let Question {
        earliest_events,
        latest_events,
        limit,
        min_depth,
    } = serde_json::from_str(request.body.get())
        .map_err(|error| ApiError::bad_json(error.to_string()))?;
    let bounds = (limit, min_depth);
    let found = rooms.serve_missing(&room, &earliest_events, &latest_events, bounds, name);
    Ok(Json(Found {
        events: texts(&found.await?)?,
    }))
}
