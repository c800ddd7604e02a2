use axum::extract::State;
use causeway_users::Users;
use ruma::api::client::device::{delete_device as one, delete_devices as many};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::uia;
use crate::server::entrance::Entrance;

/// `DELETE /_matrix/client/v3/devices/{deviceId}`
pub async fn delete(
    State(users): State<Users>,
    State(entrance): State<Entrance>,
    session: Session,
    Ruma(request): Ruma<one::v3::Request>,
) -> Result<Answer<one::v3::Response>, ApiError> {
    let action = format!("delete_device {}", request.device_id);
    let passed = uia::confirm(&users, &entrance, &session, &action, request.auth.as_ref()).await?;
    users
        .delete_devices(&session.user_id, &[request.device_id])
        .await?;
    users.finish_uia(&passed).await?;
    Ok(Answer(one::v3::Response::new()))
}

/// `POST /_matrix/client/v3/delete_devices`
pub async fn delete_many(
    State(users): State<Users>,
    State(entrance): State<Entrance>,
    session: Session,
    Ruma(mut request): Ruma<many::v3::Request>,
) -> Result<Answer<many::v3::Response>, ApiError> {
    // The devices are part of the action, so that a confirmation for one is not used for another.
    request.devices.sort();
    request.devices.dedup();
    let names: Vec<&str> = request.devices.iter().map(|id| id.as_str()).collect();
    let action = format!("delete_devices {}", serde_json::json!(names));
    let passed = uia::confirm(&users, &entrance, &session, &action, request.auth.as_ref()).await?;
    users
        .delete_devices(&session.user_id, &request.devices)
        .await?;
    users.finish_uia(&passed).await?;
    Ok(Answer(many::v3::Response::new()))
}
