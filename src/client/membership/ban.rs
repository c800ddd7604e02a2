use axum::extract::State;
use causeway_rooms::Rooms;
use ruma::api::client::membership::ban_user::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/rooms/{roomId}/ban`.
pub async fn ban(
    State(rooms): State<Rooms>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let change = super::change(session, request.room_id, request.user_id, request.reason);
    rooms.ban(change).await?;
    Ok(Answer(Response::new()))
}
