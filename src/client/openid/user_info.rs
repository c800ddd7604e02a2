use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::error::ApiError;
use crate::client::parameters::InQuery;

/// The parameters of [`user_info`].
#[derive(Deserialize)]
pub struct Parameters {
    access_token: Option<String>,
}

/// `GET /_matrix/federation/v1/openid/userinfo`: whose token this is. It stands with the client
/// API because any third party may ask, without being a server.
pub async fn user_info(
    State(users): State<Users>,
    InQuery(parameters): InQuery<Parameters>,
) -> Result<Json<Value>, ApiError> {
    let token = parameters
        .access_token
        .ok_or_else(ApiError::missing_token)?;
    match users.find_openid_user(&token).await? {
        Some(user_id) => Ok(Json(json!({ "sub": user_id }))),
        None => Err(ApiError::unknown_token(false)),
    }
}
