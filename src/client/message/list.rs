use axum::Json;
use axum::extract::{Query, State};
use causeway_rooms::read::{MessagesQuery, Reader};
use ruma::api::client::message::get_message_events::v3::Request;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::room_json::{FilterParameter, asker, direction, limit, raw_events};

/// The answer.
#[derive(Debug, Serialize)]
pub struct Messages {
    start: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
    chunk: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    state: Vec<Box<RawValue>>,
}

/// `GET /_matrix/client/v3/rooms/{roomId}/messages`.
pub async fn list(
    State(reader): State<Reader>,
    session: Session,
    Query(filter): Query<FilterParameter>,
    Ruma(request): Ruma<Request>,
) -> Result<Json<Messages>, ApiError> {
    let query = MessagesQuery {
        direction: direction(request.dir),
        from: request.from.as_deref(),
        to: request.to.as_deref(),
        limit: Some(limit(request.limit)),
        filter: filter.read()?,
    };
    let chunk = reader
        .messages(&request.room_id, &asker(session), &query)
        .await?;
    Ok(Json(Messages {
        start: chunk.start.to_string(),
        end: chunk.end.map(|end| end.to_string()),
        chunk: raw_events(chunk.events)?,
        state: raw_events(chunk.state)?,
    }))
}
