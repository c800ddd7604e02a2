use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::client::error::ApiError;
use crate::config::Settings;

/// `GET /.well-known/matrix/policy_server`: the key with which the policy server of this name signs
/// (client-server, "Policy Servers").
pub async fn policy_server(State(settings): State<Arc<Settings>>) -> Result<Json<Value>, ApiError> {
    match &settings.well_known.policy_server_key {
        Some(key) => Ok(Json(json!({ "public_keys": { "ed25519": key } }))),
        None => Err(ApiError::not_found("There is no policy server here")),
    }
}
