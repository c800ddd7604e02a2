use axum::extract::State;
use causeway_rooms::Rooms;
use causeway_rooms::actions::Join;
use ruma::api::client::membership::join_room_by_id::v3::{Request, Response};
use serde_json::{Map, Value};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{RumaAnd, Session};

/// `POST /_matrix/client/v3/rooms/{roomId}/join`.
pub async fn join_by_id(
    State(rooms): State<Rooms>,
    session: Session,
    RumaAnd(request, content): RumaAnd<Request, Map<String, Value>>,
) -> Result<Answer<Response>, ApiError> {
    let room_id = rooms
        .join(Join {
            room: request.room_id,
            user: session.user_id,
            is_guest: session.is_guest,
            content,
        })
        .await?;
    Ok(Answer(Response::new(room_id)))
}
