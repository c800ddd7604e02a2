use axum::extract::State;
use causeway_rooms::Rooms;
use causeway_users::Users;
use ruma::api::client::profile::delete_profile_field::v3::{Request, Response};

use super::{check_guest, show_in_rooms};
use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `DELETE /_matrix/client/v3/profile/{userId}/{keyName}`
pub async fn delete_field(
    State(users): State<Users>,
    State(rooms): State<Rooms>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    session.must_be(&request.user_id)?;
    check_guest(&session, request.field.as_str())?;
    users
        .delete_profile_field(&request.user_id, request.field.as_str())
        .await?;
    show_in_rooms(rooms, request.user_id, request.field.as_str()).await?;
    Ok(Answer(Response::new()))
}
