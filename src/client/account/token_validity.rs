use axum::extract::State;
use causeway_users::Users;
use ruma::api::client::account::check_registration_token_validity::v1::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::Ruma;

/// `GET /_matrix/client/v1/register/m.login.registration_token/validity`
pub async fn token_validity(
    State(users): State<Users>,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    if !users.settings().registration.open {
        return Err(ApiError::forbidden("Registration is not open here"));
    }
    let valid = users.registration_token_is_valid(&request.token).await?;
    Ok(Answer(Response::new(valid)))
}
