use axum::extract::State;
use causeway_rooms::Rooms;
use ruma::api::client::alias::create_alias::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `PUT /_matrix/client/v3/directory/room/{roomAlias}`.
pub async fn add_alias(
    State(rooms): State<Rooms>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    rooms
        .add_alias(&request.room_alias, &request.room_id, &session.user_id)
        .await?;
    Ok(Answer(Response::new()))
}
