use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use serde_json::{Value, json};

use crate::client::error::ApiError;
use crate::client::extract::Session;

/// `DELETE /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device`
pub async fn delete(State(users): State<Users>, session: Session) -> Result<Json<Value>, ApiError> {
    let device_id = users.delete_dehydrated(&session.user_id).await?;
    Ok(Json(json!({ "device_id": device_id })))
}
