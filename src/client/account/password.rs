use axum::extract::State;
use causeway_users::Users;
use causeway_users::password::check_strength;
use causeway_users::secret::Secret;
use ruma::api::client::account::change_password::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{OptionalSession, Ruma};
use crate::client::uia;
use crate::server::entrance::Entrance;

/// `POST /_matrix/client/v3/account/password`: for who gives the old password, or, without a session,
/// for who reads the letters to the account's e-mail address.
pub async fn change_password(
    State(users): State<Users>,
    State(entrance): State<Entrance>,
    OptionalSession(session): OptionalSession,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    check_strength(&request.new_password, users.settings().min_password_length)?;
    let password = Secret::new(request.new_password);
    let logout_devices = request.logout_devices;
    let Some(session) = session else {
        let passed = uia::confirm_by_email(&users, request.auth.as_ref()).await?;
        users
            .reset_by_email(&passed, password, logout_devices)
            .await?;
        users.finish_uia(&passed).await?;
        return Ok(Answer(Response::new()));
    };
    let passed = uia::confirm(
        &users,
        &entrance,
        &session,
        "password",
        request.auth.as_ref(),
    )
    .await?;
    let keep = Some(&*session.device_id);
    users
        .set_password(&session.user_id, password, logout_devices, keep)
        .await?;
    users.finish_uia(&passed).await?;
    Ok(Answer(Response::new()))
}
