use axum::extract::State;
use causeway_users::Users;
use causeway_users::password::check_strength;
use causeway_users::secret::Secret;
use ruma::api::client::account::change_password::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::uia;
use crate::server::entrance::Entrance;

/// `POST /_matrix/client/v3/account/password`
pub async fn change_password(
    State(users): State<Users>,
    State(entrance): State<Entrance>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    check_strength(&request.new_password, users.settings().min_password_length)?;
    let passed = uia::confirm(
        &users,
        &entrance,
        &session,
        "password",
        request.auth.as_ref(),
    )
    .await?;
    let keep = Some(&*session.device_id);
    let password = Secret::new(request.new_password);
    users
        .set_password(&session.user_id, password, request.logout_devices, keep)
        .await?;
    users.finish_uia(&passed).await?;
    Ok(Answer(Response::new()))
}
