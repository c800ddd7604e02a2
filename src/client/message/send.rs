use axum::extract::State;
use axum::response::{IntoResponse, Response as HttpResponse};
use causeway_rooms::Rooms;
use causeway_rooms::actions::SendEvent;
use causeway_rooms::delayed::{DelayedEvents, Wish};
use ruma::api::client::message::send_message_event::v3::{Request, Response};

use super::checked_txn_id;
use crate::client::answer::Answer;
use crate::client::delayed::{Delay, later};
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::parameters::InQuery;

/// `PUT /_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}`.
pub async fn send(
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
            txn_id: Some(request.txn_id.to_string()),
            room: request.room_id,
            event_type: request.event_type.to_string(),
            state_key: None,
            content: request.body.into_json(),
            delay_ms,
        };
        return Ok(later(&delayed, wish).await?.into_response());
    }
    let event_id = rooms
        .send(SendEvent {
            room: request.room_id,
            sender: session.user_id,
            device: Some(session.device_id),
            event_type: request.event_type.to_string(),
            content: request.body.into_json(),
            txn_id: Some(checked_txn_id(&request.txn_id)?),
            timestamp_ms: None,
        })
        .await?;
    Ok(Answer(Response::new(event_id)).into_response())
}
