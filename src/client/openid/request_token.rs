use std::time::Duration;

use axum::extract::State;
use causeway_users::Users;
use causeway_users::openid::LIFETIME_MS;
use ruma::api::client::account::request_openid_token::v3::{Request, Response};
use ruma::authentication::TokenType;

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/user/{userId}/openid/request_token`
pub async fn request_token(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    session.must_be(&request.user_id)?;
    let token = users.create_openid_token(&session.user_id).await?;
    Ok(Answer(Response::new(
        token.expose().to_owned(),
        TokenType::Bearer,
        users.server_name().to_owned(),
        Duration::from_millis(LIFETIME_MS),
    )))
}
