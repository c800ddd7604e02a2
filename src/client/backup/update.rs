use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::json_body::JsonBody;
use crate::client::parameters::InPath;

/// What a version becomes.
#[derive(Debug, Deserialize)]
pub struct Body {
    algorithm: String,
    auth_data: Box<RawValue>,
    version: Option<String>,
}

/// `PUT /_matrix/client/v3/room_keys/version/{version}`
pub async fn update(
    State(users): State<Users>,
    session: Session,
    InPath(version): InPath<String>,
    JsonBody(body): JsonBody<Body>,
) -> Result<Json<Value>, ApiError> {
    if body.version.is_some_and(|named| named != version) {
        return Err(ApiError::invalid_param("The versions do not match"));
    }
    users
        .update_backup(&session.user_id, &version, &body.algorithm, &body.auth_data)
        .await?;
    Ok(Json(json!({})))
}
