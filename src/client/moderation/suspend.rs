use axum::extract::State;
use causeway_users::Users;
use ruma::api::client::admin::{is_user_suspended, suspend_user};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `GET /_matrix/client/v1/admin/suspend/{userId}`
pub async fn is_suspended(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<is_user_suspended::v1::Request>,
) -> Result<Answer<is_user_suspended::v1::Response>, ApiError> {
    let standing = users.standing(&(&session).into(), &request.user_id).await?;
    let response = is_user_suspended::v1::Response::new(standing.is_suspended);
    Ok(Answer(response))
}

/// `PUT /_matrix/client/v1/admin/suspend/{userId}`
pub async fn suspend(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<suspend_user::v1::Request>,
) -> Result<Answer<suspend_user::v1::Response>, ApiError> {
    users
        .set_suspended(&(&session).into(), &request.user_id, request.suspended)
        .await?;
    Ok(Answer(suspend_user::v1::Response::new(request.suspended)))
}
