use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::config::Settings;

/// `GET /_matrix/client/v1/rtc/transports` (MSC4143): by what calls of several people can be carried,
/// the best first. LiveKit is reached through a service that knows this server's users (MSC4195).
pub async fn transports(
    State(settings): State<Arc<Settings>>,
    _: Session,
) -> Result<Json<Value>, ApiError> {
    let urls = settings.rtc.livekit_service_urls.iter();
    let transports = urls.map(|url| json!({"type": "livekit", "livekit_service_url": url}));
    let transports: Vec<Value> = transports.collect();
    Ok(Json(json!({ "rtc_transports": transports })))
}
