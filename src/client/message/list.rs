use axum::Json;
use axum::extract::State;
use causeway_federation::Federation;
use causeway_rooms::read::{Chunk, MessagesQuery, Reader};
use causeway_store::timeline::{Direction, RoomToken};
use ruma::RoomId;
use ruma::api::client::message::get_message_events::v3::Request;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::parameters::InQuery;
use crate::client::room_json::{FilterParameter, asker, direction, limit, raw_events};

/// Times that history is fetched from other servers for one page.
const MAX_FETCHES: usize = 3;

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
    (State(reader), State(federation)): (State<Reader>, State<Option<Federation>>),
    session: Session,
    InQuery(filter): InQuery<FilterParameter>,
    Ruma(request): Ruma<Request>,
) -> Result<Json<Messages>, ApiError> {
    let query = MessagesQuery {
        direction: direction(request.dir),
        from: request.from.as_deref(),
        to: request.to.as_deref(),
        limit: Some(limit(request.limit)),
        filter: filter.read()?,
    };
    let (room, asker) = (&request.room_id, asker(session));
    let mut chunk = reader.messages(room, &asker, &query).await?;
    for _ in 0..MAX_FETCHES {
        if query.direction == Direction::Forward || !has_fetched(&federation, room, &chunk).await {
            break;
        }
        chunk = reader.messages(room, &asker, &query).await?;
    }
    Ok(Json(Messages {
        start: chunk.start.to_string(),
        end: chunk.end.map(|end| end.to_string()),
        chunk: raw_events(chunk.events)?,
        state: raw_events(chunk.state)?,
    }))
}

/// Whether a page that goes backwards passed over a gap in the room's history, and other servers
/// could fill some of it.
async fn has_fetched(federation: &Option<Federation>, room: &RoomId, page: &Chunk) -> bool {
    let Some(federation) = federation else {
        return false;
    };
    let oldest = page.end.map(|RoomToken(place)| place);
    federation.fetch_history(room, page.start.0, oldest).await
}
