use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::client::error::ApiError;
use crate::config::Settings;

/// `GET /.well-known/matrix/server`: where other servers reach this one (server-server API,
/// "Server discovery").
pub async fn server(State(settings): State<Arc<Settings>>) -> Result<Json<Value>, ApiError> {
    match &settings.well_known.server {
        Some(address) => Ok(Json(json!({ "m.server": address }))),
        None => Err(ApiError::not_found("This document is served elsewhere")),
    }
}
