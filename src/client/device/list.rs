use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use ruma::api::client::device::get_devices::v3::Request;
use serde_json::{Value, json};

use super::shown;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `GET /_matrix/client/v3/devices`
pub async fn list(
    State(users): State<Users>,
    session: Session,
    _: Ruma<Request>,
) -> Result<Json<Value>, ApiError> {
    let devices = users.devices(&session.user_id).await?;
    let shown: Vec<Value> = devices.into_iter().map(shown).collect();
    Ok(Json(json!({ "devices": shown })))
}
