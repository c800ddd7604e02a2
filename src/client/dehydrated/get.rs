use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use ruma::OwnedDeviceId;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::client::error::ApiError;
use crate::client::extract::Session;

/// A device that was kept.
#[derive(Debug, Serialize)]
pub struct Answer {
    device_id: OwnedDeviceId,
    device_data: Box<RawValue>,
}

/// `GET /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device`
pub async fn get(State(users): State<Users>, session: Session) -> Result<Json<Answer>, ApiError> {
    let (device_id, data) = users.dehydrated(&session.user_id).await?;
    Ok(Json(Answer {
        device_id,
        device_data: RawValue::from_string(data).map_err(ApiError::internal)?,
    }))
}
