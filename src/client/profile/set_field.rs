use axum::Json;
use axum::extract::State;
use causeway_rooms::Rooms;
use causeway_users::Users;
use ruma::OwnedUserId;
use serde_json::{Map, Value, json};

use super::{check_guest, show_in_rooms};
use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::json_body::JsonBody;
use crate::client::parameters::InPath;

/// `PUT /_matrix/client/v3/profile/{userId}/{keyName}`
///
/// Read by hand, because ruma's type accepts only values that fit the fields it knows, and an
/// empty name or picture, which removes it, is not among them.
pub async fn set_field(
    State(users): State<Users>,
    State(rooms): State<Rooms>,
    session: Session,
    InPath((user_id, field)): InPath<(OwnedUserId, String)>,
    JsonBody(mut body): JsonBody<Map<String, Value>>,
) -> Result<Json<Value>, ApiError> {
    session.must_be(&user_id)?;
    check_guest(&session, &field)?;
    let value = body.remove(&field).ok_or_else(|| {
        ApiError::missing_param(format!("The body has no field of the name {field:?}"))
    })?;
    users.set_profile_field(&user_id, &field, value).await?;
    show_in_rooms(rooms, user_id, &field).await?;
    Ok(Json(json!({})))
}
