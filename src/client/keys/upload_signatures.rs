use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use causeway_users::keys::SignedObjects;
use serde_json::{Value, json};

use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::json_body::JsonBody;

/// `POST /_matrix/client/v3/keys/signatures/upload`
pub async fn upload_signatures(
    State(users): State<Users>,
    session: Session,
    JsonBody(objects): JsonBody<SignedObjects>,
) -> Result<Json<Value>, ApiError> {
    let failures = users.add_signatures(&session.user_id, &objects).await?;
    Ok(Json(json!({ "failures": failures })))
}
