use axum::extract::State;
use causeway_users::Users;
use ruma::api::client::device::get_devices::v3::{Request, Response};

use super::shown;
use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `GET /_matrix/client/v3/devices`
pub async fn list(
    State(users): State<Users>,
    session: Session,
    _: Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let devices = users.devices(&session.user_id).await?;
    Ok(Answer(Response::new(
        devices.into_iter().map(shown).collect(),
    )))
}
