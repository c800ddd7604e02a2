use axum::extract::State;
use causeway_rooms::Rooms;
use ruma::api::client::membership::forget_room::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/rooms/{roomId}/forget`.
pub async fn forget(
    State(rooms): State<Rooms>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    rooms.forget(&request.room_id, &session.user_id).await?;
    Ok(Answer(Response::new()))
}
