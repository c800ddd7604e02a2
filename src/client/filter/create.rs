use axum::Json;
use axum::extract::State;
use causeway_sync::Filter;
use causeway_users::Users;
use ruma::OwnedUserId;
use serde_json::{Map, Value, json};

use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::json_body::JsonBody;
use crate::client::parameters::InPath;

/// `POST /_matrix/client/v3/user/{userId}/filter`. It is kept as it came: ruma's type leaves out
/// what filters say of relations.
pub async fn create(
    State(users): State<Users>,
    session: Session,
    InPath(user_id): InPath<OwnedUserId>,
    JsonBody(definition): JsonBody<Map<String, Value>>,
) -> Result<Json<Value>, ApiError> {
    session.must_be(&user_id)?;
    let definition = Value::Object(definition).to_string();
    Filter::parse(&definition).map_err(|error| ApiError::bad_json(error.to_string()))?;
    let id = users.create_filter(&user_id, &definition).await?;
    Ok(Json(json!({ "filter_id": id })))
}
