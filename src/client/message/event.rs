use axum::Json;
use axum::extract::State;
use causeway_rooms::read::{ReadError, Reader};
use ruma::api::client::room::get_room_event::v3::Request;
use serde_json::value::RawValue;

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::room_json::{asker, raw_event};

/// `GET /_matrix/client/v3/rooms/{roomId}/event/{eventId}`. An event that the caller may not see
/// is one that is not found.
pub async fn event(
    State(reader): State<Reader>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Json<Box<RawValue>>, ApiError> {
    let event = reader
        .event(&request.room_id, &request.event_id, &asker(session))
        .await
        .map_err(|error| match error {
            ReadError::Forbidden => ReadError::EventNotFound,
            other => other,
        })?;
    raw_event(event).map(Json)
}
