use axum::extract::State;
use causeway_users::Users;
use ruma::api::client::session::{logout as one, logout_all as all};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/logout`
pub async fn logout(
    State(users): State<Users>,
    session: Session,
    _: Ruma<one::v3::Request>,
) -> Result<Answer<one::v3::Response>, ApiError> {
    users.logout(&session.user_id, &session.device_id).await?;
    Ok(Answer(one::v3::Response::new()))
}

/// `POST /_matrix/client/v3/logout/all`
pub async fn logout_all(
    State(users): State<Users>,
    session: Session,
    _: Ruma<all::v3::Request>,
) -> Result<Answer<all::v3::Response>, ApiError> {
    users.logout_others(&session.user_id, None).await?;
    Ok(Answer(all::v3::Response::new()))
}
