use axum::extract::State;
use causeway_rooms::Rooms;
use causeway_rooms::actions::SendEvent;
use ruma::api::client::message::send_message_event::v3::{Request, Response};

use super::checked_txn_id;
use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `PUT /_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}`.
pub async fn send(
    State(rooms): State<Rooms>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
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
    Ok(Answer(Response::new(event_id)))
}
