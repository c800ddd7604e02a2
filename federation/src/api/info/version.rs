use axum::Json;
use serde_json::{Value, json};

/// `GET /_matrix/federation/v1/version`
pub(crate) async fn version() -> Json<Value> {
    Json(json!({
        "server": { "name": "Causeway", "version": env!("CARGO_PKG_VERSION") },
    }))
}
