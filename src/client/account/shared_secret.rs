use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use causeway_users::secret::Secret;
use causeway_users::shared_secret::SharedSecretRequest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::register;
use crate::client::error::ApiError;
use crate::client::json_body::JsonBody;

/// `GET /_synapse/admin/v1/register`: a nonce for [`register_with_secret`].
pub async fn nonce(State(users): State<Users>) -> Result<Json<Value>, ApiError> {
    let nonce = users.shared_secret_nonce().await?;
    Ok(Json(json!({ "nonce": nonce })))
}

/// What administrators' tools send.
#[derive(Deserialize)]
pub struct Body {
    nonce: String,
    username: String,
    password: String,
    #[serde(default)]
    admin: bool,
    user_type: Option<String>,
    mac: String,
}

/// `POST /_synapse/admin/v1/register`: an account for who knows the shared secret.
pub async fn register_with_secret(
    State(users): State<Users>,
    JsonBody(body): JsonBody<Body>,
) -> Result<Json<Value>, ApiError> {
    let request = SharedSecretRequest {
        nonce: body.nonce,
        username: body.username,
        password: Secret::new(body.password),
        admin: body.admin,
        user_type: body.user_type,
        mac: body.mac,
    };
    let login = users.register_with_secret(request).await?;
    Ok(Json(register::answer(&login.user_id, Some(&login))))
}
