use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use causeway_users::profile::ProfileError;
use ruma::api::client::profile::get_profile_field::v3::Request;
use serde_json::{Value, json};

use crate::client::error::ApiError;
use crate::client::extract::Ruma;

/// `GET /_matrix/client/v3/profile/{userId}/{keyName}`
pub async fn get_field(
    State(users): State<Users>,
    Ruma(request): Ruma<Request>,
) -> Result<Json<Value>, ApiError> {
    if !users.is_local(&request.user_id) {
        return Err(ProfileError::NotFound.into());
    }
    let field = request.field.as_str();
    let value = users.profile_field(&request.user_id, field).await?;
    Ok(Json(json!({ field: value })))
}
