use axum::extract::State;
use causeway_rooms::Rooms;
use ruma::api::client::alias::delete_alias::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `DELETE /_matrix/client/v3/directory/room/{roomAlias}`.
pub async fn remove_alias(
    State(rooms): State<Rooms>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    rooms
        .remove_alias(&request.room_alias, &session.user_id, session.is_admin)
        .await?;
    Ok(Answer(Response::new()))
}
