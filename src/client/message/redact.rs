use axum::extract::State;
use causeway_rooms::Rooms;
use causeway_rooms::actions::Redact;
use ruma::api::client::redact::redact_event::v3::{Request, Response};

use super::checked_txn_id;
use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `PUT /_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId}`.
pub async fn redact(
    State(rooms): State<Rooms>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let event_id = rooms
        .redact(Redact {
            room: request.room_id,
            sender: session.user_id,
            device: Some(session.device_id),
            target: request.event_id,
            reason: request.reason,
            txn_id: Some(checked_txn_id(&request.txn_id)?),
            timestamp_ms: None,
            own_only: session.is_suspended,
        })
        .await?;
    Ok(Answer(Response::new(event_id)))
}
