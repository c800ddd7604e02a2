use axum::Json;
use axum::extract::State;
use causeway_rooms::read::Reader;
use ruma::api::client::context::get_context::v3::Request;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::parameters::InQuery;
use crate::client::room_json::{FilterParameter, asker, limit, raw_event, raw_events};

/// The answer.
#[derive(Debug, Serialize)]
pub struct Context {
    start: String,
    end: String,
    event: Box<RawValue>,
    events_before: Vec<Box<RawValue>>,
    events_after: Vec<Box<RawValue>>,
    state: Vec<Box<RawValue>>,
}

/// `GET /_matrix/client/v3/rooms/{roomId}/context/{eventId}`.
pub async fn context(
    State(reader): State<Reader>,
    session: Session,
    InQuery(filter): InQuery<FilterParameter>,
    Ruma(request): Ruma<Request>,
) -> Result<Json<Context>, ApiError> {
    let filter = filter.read()?;
    let found = reader
        .context(
            &request.room_id,
            &request.event_id,
            Some(limit(request.limit)),
            &filter,
            &asker(session),
        )
        .await?;
    Ok(Json(Context {
        start: found.start.to_string(),
        end: found.end.to_string(),
        event: raw_event(found.event)?,
        events_before: raw_events(found.before)?,
        events_after: raw_events(found.after)?,
        state: raw_events(found.state)?,
    }))
}
