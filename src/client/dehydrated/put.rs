use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use causeway_users::dehydrated::Dehydration;
use ruma::OwnedDeviceId;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::json_body::JsonBody;

/// A device to be kept.
#[derive(Debug, Deserialize)]
pub struct Body {
    device_id: OwnedDeviceId,
    initial_device_display_name: Option<String>,
    device_data: Box<RawValue>,
    device_keys: Box<RawValue>,
    #[serde(default)]
    one_time_keys: BTreeMap<String, Box<RawValue>>,
    #[serde(default)]
    fallback_keys: BTreeMap<String, Box<RawValue>>,
}

/// What must be in `device_data`; the rest is for clients.
#[derive(Debug, Deserialize)]
struct DeviceData {
    #[serde(rename = "algorithm")]
    _algorithm: String,
}

/// `PUT /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device`
pub async fn put(
    State(users): State<Users>,
    session: Session,
    JsonBody(body): JsonBody<Body>,
) -> Result<Json<Value>, ApiError> {
    if let Err(error) = serde_json::from_str::<DeviceData>(body.device_data.get()) {
        return Err(ApiError::bad_json(format!("`device_data`: {error}")));
    }
    let answer = json!({ "device_id": body.device_id });
    let new = Dehydration {
        device_id: body.device_id,
        display_name: body.initial_device_display_name,
        device_data: body.device_data,
        device_keys: body.device_keys,
        one_time_keys: body.one_time_keys,
        fallback_keys: body.fallback_keys,
    };
    users.dehydrate(&session.user_id, new).await?;
    Ok(Json(answer))
}
