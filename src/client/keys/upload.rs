use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use causeway_users::keys::KeyUpload;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::json_body::JsonBody;

/// What a device uploads, as it sent it: signatures are over the text.
#[derive(Debug, Deserialize)]
pub struct Body {
    device_keys: Option<Box<RawValue>>,
    one_time_keys: Option<BTreeMap<String, Box<RawValue>>>,
    fallback_keys: Option<BTreeMap<String, Box<RawValue>>>,
}

/// `POST /_matrix/client/v3/keys/upload`
pub async fn upload(
    State(users): State<Users>,
    session: Session,
    JsonBody(body): JsonBody<Body>,
) -> Result<Json<Value>, ApiError> {
    let upload = KeyUpload {
        device_keys: body.device_keys,
        one_time_keys: body.one_time_keys.unwrap_or_default(),
        fallback_keys: body.fallback_keys.unwrap_or_default(),
    };
    let counts = users
        .upload_keys(&session.user_id, &session.device_id, upload)
        .await?;
    Ok(Json(json!({ "one_time_key_counts": counts.one_time })))
}
