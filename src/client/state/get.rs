use axum::Json;
use axum::extract::State;
use causeway_rooms::read::Reader;
use ruma::api::client::state::get_state_event_for_key::v3::{Request, StateEventFormat};
use serde_json::value::RawValue;

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::room_json::{asker, raw_event};

/// `GET /_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}`.
pub async fn get(
    State(reader): State<Reader>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Json<Box<RawValue>>, ApiError> {
    let event_type = request.event_type.to_string();
    let (event, content) = reader
        .state_event(
            &request.room_id,
            &event_type,
            &request.state_key,
            &asker(session),
        )
        .await?;
    let wanted = if request.format == StateEventFormat::Event {
        event
    } else {
        content
    };
    raw_event(wanted).map(Json)
}
