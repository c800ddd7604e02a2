use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use ruma::api::client::device::get_device::v3::Request;
use serde_json::Value;

use super::shown;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `GET /_matrix/client/v3/devices/{deviceId}`
pub async fn get(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Json<Value>, ApiError> {
    let device = users.device(&session.user_id, &request.device_id).await?;
    Ok(Json(shown(device)))
}
