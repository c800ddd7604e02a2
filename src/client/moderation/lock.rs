use axum::extract::State;
use causeway_users::Users;
use ruma::api::client::admin::{is_user_locked, lock_user};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `GET /_matrix/client/v1/admin/lock/{userId}`
pub async fn is_locked(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<is_user_locked::v1::Request>,
) -> Result<Answer<is_user_locked::v1::Response>, ApiError> {
    let standing = users.standing(&(&session).into(), &request.user_id).await?;
    let response = is_user_locked::v1::Response::new(standing.is_locked);
    Ok(Answer(response))
}

/// `PUT /_matrix/client/v1/admin/lock/{userId}`
pub async fn lock(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<lock_user::v1::Request>,
) -> Result<Answer<lock_user::v1::Response>, ApiError> {
    users
        .set_locked(&(&session).into(), &request.user_id, request.locked)
        .await?;
    Ok(Answer(lock_user::v1::Response::new(request.locked)))
}
