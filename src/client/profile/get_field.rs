use axum::Json;
use axum::extract::State;
use causeway_federation::Federation;
use causeway_users::Users;
use causeway_users::profile::ProfileError;
use ruma::api::client::profile::get_profile_field::v3::Request;
use serde_json::{Value, json};

use super::profile_of;
use crate::client::error::ApiError;
use crate::client::extract::Ruma;

/// `GET /_matrix/client/v3/profile/{userId}/{keyName}`
pub async fn get_field(
    State(users): State<Users>,
    State(federation): State<Option<Federation>>,
    Ruma(request): Ruma<Request>,
) -> Result<Json<Value>, ApiError> {
    let field = request.field.as_str();
    let value = if users.is_local(&request.user_id) {
        users.profile_field(&request.user_id, field).await?
    } else {
        let mut profile = profile_of(&users, federation.as_ref(), &request.user_id).await?;
        profile.remove(field).ok_or(ProfileError::NotFound)?
    };
    Ok(Json(json!({ field: value })))
}
