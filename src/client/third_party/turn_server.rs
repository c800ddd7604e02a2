use axum::Json;
use ruma::api::client::voip::get_turn_server_info::v3::Request;
use serde_json::{Value, json};

use crate::client::extract::{Ruma, Session};

/// `GET /_matrix/client/v3/voip/turnServer`: there is none, which clients read from an empty
/// object.
pub async fn turn_server(_: Session, _: Ruma<Request>) -> Json<Value> {
    Json(json!({}))
}
