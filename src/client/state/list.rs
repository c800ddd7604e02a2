use axum::Json;
use axum::extract::State;
use causeway_rooms::read::Reader;
use ruma::api::client::state::get_state_events::v3::Request;
use serde_json::value::RawValue;

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::room_json::{asker, raw_events};

/// `GET /_matrix/client/v3/rooms/{roomId}/state`.
pub async fn list(
    State(reader): State<Reader>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Json<Vec<Box<RawValue>>>, ApiError> {
    let state = reader.state(&request.room_id, &asker(session)).await?;
    raw_events(state).map(Json)
}
