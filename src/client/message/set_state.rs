use axum::extract::State;
use axum::response::{IntoResponse, Response as HttpResponse};
use causeway_rooms::Rooms;
use causeway_rooms::actions::SetState;
use causeway_rooms::delayed::{DelayedEvents, Wish};
use ruma::api::client::state::send_state_event::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::delayed::{Delay, later};
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::parameters::InQuery;

/// `PUT /_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}`
pub async fn set_state(
    State(rooms): State<Rooms>,
    State(delayed): State<DelayedEvents>,
    session: Session,
    InQuery(delay): InQuery<Delay>,
    Ruma(request): Ruma<Request>,
) -> Result<HttpResponse, ApiError> {
    if let Some(delay_ms) = delay.ms {
        let wish = Wish {
            user: session.user_id,
            device: session.device_id.to_string(),
            txn_id: None,
            room: request.room_id,
            event_type: request.event_type.to_string(),
            state_key: Some(request.state_key),
            content: request.body.into_json(),
            delay_ms,
        };
        return Ok(later(&delayed, wish).await?.into_response());
    }
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
    Ok(Answer(Response::new(event_id)).into_response())
}
