use axum::extract::State;
use causeway_rooms::Rooms;
use causeway_rooms::actions::Redact;
use ruma::api::client::redact::redact_event::v3::Response;
use ruma::{OwnedEventId, OwnedRoomId};
use serde::Deserialize;

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::json_body::JsonBody;
use crate::client::parameters::InPath;

/// The body of [`redact`].
#[derive(Deserialize)]
pub struct Body {
    reason: Option<String>,
}

/// `POST /_matrix/client/r0/rooms/{roomId}/redact/{eventId}`: taking an event away without a
/// transaction id, and so without protection against doing it twice.
pub async fn redact(
    State(rooms): State<Rooms>,
    session: Session,
    InPath((room, target)): InPath<(OwnedRoomId, OwnedEventId)>,
    JsonBody(body): JsonBody<Body>,
) -> Result<Answer<Response>, ApiError> {
    let event_id = rooms
        .redact(Redact {
            room,
            sender: session.user_id,
            device: Some(session.device_id),
            target,
            reason: body.reason,
            txn_id: None,
            timestamp_ms: None,
            own_only: session.is_suspended,
        })
        .await?;
    Ok(Answer(Response::new(event_id)))
}
