use axum::extract::State;
use causeway_users::Users;
use ruma::api::client::device::update_device::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `PUT /_matrix/client/v3/devices/{deviceId}`: its name; without one nothing changes.
pub async fn rename(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    match &request.display_name {
        Some(name) => {
            users
                .rename_device(&session.user_id, &request.device_id, name)
                .await?
        }
        None => drop(users.device(&session.user_id, &request.device_id).await?),
    }
    Ok(Answer(Response::new()))
}
