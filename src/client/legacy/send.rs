use axum::extract::State;
use causeway_rooms::Rooms;
use causeway_rooms::actions::SendEvent;
use ruma::OwnedRoomId;
use ruma::api::client::message::send_message_event::v3::Response;

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::json_body::JsonBody;
use crate::client::parameters::InPath;

/// `POST /_matrix/client/r0/rooms/{roomId}/send/{eventType}`: sending without a transaction id,
/// and so without protection against sending twice.
pub async fn send(
    State(rooms): State<Rooms>,
    session: Session,
    InPath((room, event_type)): InPath<(OwnedRoomId, String)>,
    JsonBody(content): JsonBody<Box<serde_json::value::RawValue>>,
) -> Result<Answer<Response>, ApiError> {
    let event_id = rooms
        .send(SendEvent {
            room,
            sender: session.user_id,
            device: Some(session.device_id),
            event_type,
            content,
            txn_id: None,
            timestamp_ms: None,
        })
        .await?;
    Ok(Answer(Response::new(event_id)))
}
