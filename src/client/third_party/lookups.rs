use axum::Json;
use ruma::api::client::thirdparty::{
    get_location_for_protocol, get_location_for_room_alias, get_protocol, get_user_for_protocol,
    get_user_for_user_id,
};
use serde_json::{Value, json};

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// What is found where no network is bridged.
fn nothing() -> Json<Value> {
    Json(json!([]))
}

/// `GET /_matrix/client/v3/thirdparty/protocol/{protocol}`: no network is bridged, so none is known.
pub async fn protocol(_: Session, _: Ruma<get_protocol::v3::Request>) -> ApiError {
    ApiError::not_found("This server bridges no such network")
}

/// `GET /_matrix/client/v3/thirdparty/location/{protocol}`
pub async fn locations(_: Session, _: Ruma<get_location_for_protocol::v3::Request>) -> Json<Value> {
    nothing()
}

/// `GET /_matrix/client/v3/thirdparty/location`
pub async fn locations_of_alias(
    _: Session,
    _: Ruma<get_location_for_room_alias::v3::Request>,
) -> Json<Value> {
    nothing()
}

/// `GET /_matrix/client/v3/thirdparty/user/{protocol}`
pub async fn users(_: Session, _: Ruma<get_user_for_protocol::v3::Request>) -> Json<Value> {
    nothing()
}

/// `GET /_matrix/client/v3/thirdparty/user`
pub async fn users_of_id(_: Session, _: Ruma<get_user_for_user_id::v3::Request>) -> Json<Value> {
    nothing()
}
