use axum::extract::State;
use causeway_users::Users;
use ruma::api::client::account::get_username_availability::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::Ruma;

/// `GET /_matrix/client/v3/register/available`
pub async fn available(
    State(users): State<Users>,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    users.check_available(&request.username).await?;
    Ok(Answer(Response::new(true)))
}
