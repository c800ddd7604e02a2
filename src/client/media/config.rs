use axum::Json;
use axum::extract::State;
use causeway_media::Media;
use serde_json::{Value, json};

use crate::client::extract::Session;

/// `GET /_matrix/client/v1/media/config`, and the older `/_matrix/media/v3/config`.
pub async fn config(State(media): State<Media>, _: Session) -> Json<Value> {
    Json(json!({ "m.upload.size": media.max_upload_bytes() }))
}
