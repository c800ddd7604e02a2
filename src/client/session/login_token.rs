use std::time::Duration;

use axum::extract::State;
use causeway_users::Users;
use ruma::api::client::session::get_login_token::v1::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::uia;
use crate::server::entrance::Entrance;

/// `POST /_matrix/client/v1/login/get_token`: a token with which another device can log in.
pub async fn login_token(
    State(users): State<Users>,
    State(entrance): State<Entrance>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let passed = uia::confirm(
        &users,
        &entrance,
        &session,
        "login_token",
        request.auth.as_ref(),
    )
    .await?;
    let (token, life_ms) = users.create_login_token(&session.user_id).await?;
    users.finish_uia(&passed).await?;
    let life = Duration::from_millis(life_ms);
    Ok(Answer(Response::new(life, token.expose().to_owned())))
}
