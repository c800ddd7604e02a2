use axum::Json;
use axum::extract::State;
use causeway_rooms::read::Reader;
use causeway_store::log::Membership;
use causeway_sync::{Beside, Sync};
use ruma::OwnedRoomId;
use ruma::api::client::peeking::get_current_state::v3::Request;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::legacy::{of_room, present_person};
use crate::client::parameters::InQuery;
use crate::client::room_json::asker;

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
    state: Vec<Value>,
    account_data: Vec<Box<RawValue>>,
    // The specification has these two no longer; the first clients look for them.
    presence: Vec<Value>,
    receipts: Vec<Value>,
}

#[derive(Debug, Serialize)]
struct Messages {
    chunk: Vec<Value>,
    start: String,
    end: String,
}

/// `GET /_matrix/client/v3/rooms/{roomId}/initialSync`: a room as those see it who look into it.
/// `/events` goes on from its end.
pub async fn initial_sync(
    State(reader): State<Reader>,
    State(sync): State<Sync>,
    session: Session,
    InQuery(limit): InQuery<Limit>,
    Ruma(request): Ruma<Request>,
) -> Result<Json<InitialSync>, ApiError> {
    let asker = asker(session);
    let now = sync.now().await;
    let found = reader
        .initial_sync(&request.room_id, limit.limit, &asker, now.position)
        .await?;
    let mut beside = sync.beside(found.room, &asker.user).await?;
    if !found.is_present {
        // What is now is not for those who have gone.
        beside.presence.clear();
        beside.receipts = None;
    }
    let end = match found.is_present {
        true => now.to_string(),
        false => found.end.to_string(),
    };
    Ok(Json(InitialSync {
        presence: presence(&beside)?,
        receipts: receipts(&beside, &request.room_id)?,
        account_data: beside.account_data,
        membership: found.membership.map(Membership::word),
        visibility: if found.published { "public" } else { "private" },
        messages: Messages {
            chunk: events(&found.events, &request.room_id)?,
            start: found.start.to_string(),
            end,
        },
        state: events(&found.state, &request.room_id)?,
        room_id: request.room_id,
    }))
}

fn events(events: &[String], room_id: &OwnedRoomId) -> Result<Vec<Value>, ApiError> {
    let events: Result<Vec<Value>, _> = events.iter().map(|it| serde_json::from_str(it)).collect();
    let events = events.map_err(ApiError::internal)?;
    Ok(of_room(room_id.as_str(), events).collect())
}

fn presence(beside: &Beside) -> Result<Vec<Value>, ApiError> {
    let events = beside.presence.iter();
    let people = events.map(|event| value(event).map(present_person));
    people.collect()
}

fn receipts(beside: &Beside, room_id: &OwnedRoomId) -> Result<Vec<Value>, ApiError> {
    let event = beside.receipts.as_deref().map(value).transpose()?;
    Ok(of_room(room_id.as_str(), event.into_iter().collect()).collect())
}

fn value(event: &RawValue) -> Result<Value, ApiError> {
    serde_json::from_str(event.get()).map_err(ApiError::internal)
}
