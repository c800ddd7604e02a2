//! Handlers that need user-interactive authentication ask for it here.

use causeway_users::Users;
use causeway_users::emails::EmailPurpose;
use causeway_users::uia::{Flows, Passed, Purpose, Stage, Verdict};
use ruma::api::client::uiaa::AuthData;
use serde_json::{Value, json};

use super::error::ApiError;
use super::extract::Session;
use crate::server::entrance::Entrance;
use crate::server::rate_limit::Action;

/// Reads the `auth` of a request. Older clients name the user of a password in `user`.
///
/// # Errors
/// `M_BAD_JSON`.
pub fn auth(value: Option<Value>) -> Result<Option<AuthData>, ApiError> {
    let Some(mut value) = value else {
        return Ok(None);
    };
    if value.get("identifier").is_none()
        && let Some(user) = value.get("user").cloned()
    {
        value["identifier"] = json!({ "type": "m.id.user", "user": user });
    }
    serde_json::from_value(value)
        .map(Some)
        .map_err(|error| ApiError::bad_json(format!("`auth`: {error}")))
}

/// Has the user of `session` show once more who they are, for `action` (which names its target
/// too: an authentication serves one action only). Call [`Users::finish_uia`] with the result
/// when the action is done.
///
/// # Errors
/// The 401 that asks for it, and `M_LIMIT_EXCEEDED` to who guesses it.
pub async fn confirm(
    users: &Users,
    entrance: &Entrance,
    session: &Session,
    action: &str,
    auth: Option<&AuthData>,
) -> Result<Passed, ApiError> {
    if let Some(AuthData::Password(_)) = auth {
        entrance.check_account(Action::Login, &session.user_id)?;
    }
    let purpose = Purpose {
        action,
        user_id: Some(&session.user_id),
        flows: flows_of(users, session).await?,
        request: json!({}),
    };
    match users.authenticate_for(purpose, auth).await? {
        Verdict::Passed(passed) => Ok(passed),
        Verdict::Challenged(challenge) => Err(challenge.into()),
    }
}

/// The ways in which the user of `session` can show once more who they are: those by which they log
/// in.
async fn flows_of(users: &Users, session: &Session) -> Result<Flows, ApiError> {
    let ways = users.ways_in(&session.user_id).await?;
    let by_password = Flows::one([Stage::Password]);
    Ok(match (ways.password, ways.providers.is_empty()) {
        (_, true) => by_password,
        (true, false) => by_password.or([Stage::Sso]),
        (false, false) => Flows::one([Stage::Sso]),
    })
}

/// Has somebody who is not logged in prove that they read the letters to an account's e-mail address,
/// for a new password.
///
/// # Errors
/// The 401 that asks for the proof; `M_MISSING_TOKEN` where no letters can be sent.
pub async fn confirm_by_email(users: &Users, auth: Option<&AuthData>) -> Result<Passed, ApiError> {
    if !users.settings().email.offered {
        return Err(ApiError::missing_token());
    }
    let purpose = Purpose {
        action: "reset_password",
        user_id: None,
        flows: Flows::one([Stage::Email]).with_email_for(EmailPurpose::Password),
        request: json!({}),
    };
    match users.authenticate_for(purpose, auth).await? {
        Verdict::Passed(passed) => Ok(passed),
        Verdict::Challenged(challenge) => Err(challenge.into()),
    }
}
