use axum::Json;
use axum::extract::State;
use causeway_rooms::read::{Reader, RelatedChunk, RelationsQuery};
use ruma::api::client::relations::{
    get_relating_events, get_relating_events_with_rel_type,
    get_relating_events_with_rel_type_and_event_type,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::parameters::InQuery;
use crate::client::room_json::{asker, direction, limit, raw_events};

/// The answer.
#[derive(Debug, Serialize)]
pub struct Relations {
    chunk: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_batch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev_batch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recursion_depth: Option<i32>,
}

impl Relations {
    pub(super) fn of(chunk: RelatedChunk) -> Result<Json<Self>, ApiError> {
        Ok(Json(Self {
            chunk: raw_events(chunk.events)?,
            next_batch: chunk.next.map(|token| token.to_string()),
            prev_batch: chunk.prev.map(|token| token.to_string()),
            recursion_depth: chunk.recursion_depth,
        }))
    }
}

/// What ruma's types do not read.
#[derive(Debug, Deserialize)]
pub struct Beside {
    /// `recurse` as it was called while it was a proposal.
    #[serde(default, rename = "org.matrix.msc3981.recurse")]
    recurse: bool,
}

/// Answers a request. The three forms are three types with the same fields, and differ in what
/// narrows the events down.
macro_rules! find {
    ($reader:ident, $session:ident, $request:ident, $beside:ident, $rel_type:expr, $event_type:expr) => {{
        let query = RelationsQuery {
            rel_type: $rel_type,
            event_type: $event_type,
            direction: direction($request.dir),
            from: $request.from.as_deref(),
            to: $request.to.as_deref(),
            limit: $request.limit.map(limit),
            recurse: $request.recurse || $beside.recurse,
        };
        let (room, event) = (&$request.room_id, &$request.event_id);
        Relations::of(
            $reader
                .relations(room, event, query, &asker($session))
                .await?,
        )
    }};
}

/// `GET /_matrix/client/v1/rooms/{roomId}/relations/{eventId}`.
pub async fn list(
    State(reader): State<Reader>,
    session: Session,
    InQuery(beside): InQuery<Beside>,
    Ruma(request): Ruma<get_relating_events::v1::Request>,
) -> Result<Json<Relations>, ApiError> {
    find!(reader, session, request, beside, None, None)
}

/// `GET /_matrix/client/v1/rooms/{roomId}/relations/{eventId}/{relType}`.
pub async fn list_of_kind(
    State(reader): State<Reader>,
    session: Session,
    InQuery(beside): InQuery<Beside>,
    Ruma(request): Ruma<get_relating_events_with_rel_type::v1::Request>,
) -> Result<Json<Relations>, ApiError> {
    let rel_type = Some(request.rel_type.as_str());
    find!(reader, session, request, beside, rel_type, None)
}

/// `GET /_matrix/client/v1/rooms/{roomId}/relations/{eventId}/{relType}/{eventType}`.
pub async fn list_of_kind_and_type(
    State(reader): State<Reader>,
    session: Session,
    InQuery(beside): InQuery<Beside>,
    Ruma(request): Ruma<get_relating_events_with_rel_type_and_event_type::v1::Request>,
) -> Result<Json<Relations>, ApiError> {
    let event_type = request.event_type.to_string();
    let rel_type = Some(request.rel_type.as_str());
    find!(
        reader,
        session,
        request,
        beside,
        rel_type,
        Some(&event_type)
    )
}
