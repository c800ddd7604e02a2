use axum::Json;
use axum::extract::{Query, State};
use causeway_rooms::read::Reader;
use ruma::OwnedRoomId;
use ruma::api::client::peeking::get_current_state::v3::Request;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::room_json::{asker, raw_events};

/// How many events are wanted.
#[derive(Debug, Deserialize)]
pub struct Limit {
    limit: Option<u64>,
}

/// The answer.
#[derive(Debug, Serialize)]
pub struct InitialSync {
    room_id: OwnedRoomId,
    #[serde(skip_serializing_if = "Option::is_none")]
    membership: Option<&'static str>,
    visibility: &'static str,
    messages: Messages,
    state: Vec<Box<RawValue>>,
    account_data: [(); 0],
}

#[derive(Debug, Serialize)]
struct Messages {
    chunk: Vec<Box<RawValue>>,
    start: String,
    end: String,
}

/// `GET /_matrix/client/v3/rooms/{roomId}/initialSync`, which is deprecated: without account data,
/// which `/sync` gives.
pub async fn initial_sync(
    State(reader): State<Reader>,
    session: Session,
    Query(limit): Query<Limit>,
    Ruma(request): Ruma<Request>,
) -> Result<Json<InitialSync>, ApiError> {
    let asker = asker(session);
    let found = reader
        .initial_sync(&request.room_id, limit.limit, &asker)
        .await?;
    Ok(Json(InitialSync {
        room_id: request.room_id,
        membership: found.membership.map(causeway_store::log::Membership::word),
        visibility: if found.published { "public" } else { "private" },
        messages: Messages {
            chunk: raw_events(found.events)?,
            start: found.start.to_string(),
            end: found.end.to_string(),
        },
        state: raw_events(found.state)?,
        account_data: [],
    }))
}
