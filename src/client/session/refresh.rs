use std::time::Duration;

use axum::extract::State;
use causeway_users::Users;
use ruma::api::client::session::refresh_token::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::Ruma;

/// `POST /_matrix/client/v3/refresh`
pub async fn refresh(
    State(users): State<Users>,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let tokens = users.refresh(&request.refresh_token).await?;
    let mut response = Response::new(tokens.access.expose().to_owned());
    response.refresh_token = tokens.refresh.map(|token| token.expose().to_owned());
    response.expires_in_ms = tokens.expires_in_ms.map(Duration::from_millis);
    Ok(Answer(response))
}
