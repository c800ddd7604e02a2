use axum::Json;
use axum::extract::State;
use causeway_rooms::read::Reader;
use ruma::OwnedEventId;
use serde_json::value::RawValue;

use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::parameters::InPath;
use crate::client::room_json::{asker, raw_event};

/// `GET /_matrix/client/v3/events/{eventId}`: an event of any room that the caller may read.
pub async fn event(
    State(reader): State<Reader>,
    session: Session,
    InPath(event_id): InPath<OwnedEventId>,
) -> Result<Json<Box<RawValue>>, ApiError> {
    let event = reader.event_anywhere(&event_id, &asker(session)).await?;
    Ok(Json(raw_event(event)?))
}
