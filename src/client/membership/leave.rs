use axum::extract::State;
use causeway_rooms::Rooms;
use ruma::api::client::membership::leave_room::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/rooms/{roomId}/leave`.
pub async fn leave(
    State(rooms): State<Rooms>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    rooms
        .leave(&request.room_id, &session.user_id, request.reason)
        .await?;
    Ok(Answer(Response::new()))
}
