//! `/health`: is the process alive, and can it serve?

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use causeway_store::Store;
use http::StatusCode;
use serde_json::json;

use super::drain::Drain;

/// How long the database may take to answer before the server counts as not ready.
const DATABASE_PATIENCE: Duration = Duration::from_secs(2);

/// `GET /health/live`: the process runs and answers.
pub async fn live() -> Response {
    Json(json!({ "live": true })).into_response()
}

/// `GET /health/ready` and `GET /health`: requests will be served. 503 while the server stops, or
/// when the database does not answer.
pub async fn ready(State(store): State<Store>, State(drain): State<Drain>) -> Response {
    let database = match tokio::time::timeout(DATABASE_PATIENCE, store.ping()).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the database does not answer");
            false
        }
        Err(_) => false,
    };
    let stopping = drain.has_begun();
    let ready = database && !stopping;
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = json!({ "live": true, "ready": ready, "database": database, "stopping": stopping });
    (status, Json(body)).into_response()
}
