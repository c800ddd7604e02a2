use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::json_body::JsonBody;

/// A backup to begin.
#[derive(Debug, Deserialize)]
pub struct Body {
    algorithm: String,
    auth_data: Box<RawValue>,
}

/// `POST /_matrix/client/v3/room_keys/version`
pub async fn create(
    State(users): State<Users>,
    session: Session,
    JsonBody(body): JsonBody<Body>,
) -> Result<Json<Value>, ApiError> {
    let version = users
        .create_backup(&session.user_id, &body.algorithm, &body.auth_data)
        .await?;
    Ok(Json(json!({ "version": version })))
}
