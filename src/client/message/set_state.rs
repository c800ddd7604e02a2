use axum::extract::State;
use causeway_rooms::Rooms;
use causeway_rooms::actions::SetState;
use ruma::api::client::state::send_state_event::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `PUT /_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}`
pub async fn set_state(
    State(rooms): State<Rooms>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let event_id = rooms
        .set_state(SetState {
            room: request.room_id,
            sender: session.user_id,
            event_type: request.event_type.to_string(),
            state_key: request.state_key,
            content: request.body.into_json(),
            timestamp_ms: None,
        })
        .await?;
    Ok(Answer(Response::new(event_id)))
}
