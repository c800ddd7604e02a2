use axum::extract::State;
use causeway_users::Users;
use ruma::api::client::reporting::report_user::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/users/{userId}/report`
pub async fn user(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    users
        .report_user(&session.user_id, &request.user_id, Some(&request.reason))
        .await?;
    Ok(Answer(Response::new()))
}
