use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use serde_json::{Value, json};

use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::parameters::InPath;

/// `DELETE /_matrix/client/v3/room_keys/version/{version}`
pub async fn delete(
    State(users): State<Users>,
    session: Session,
    InPath(version): InPath<String>,
) -> Result<Json<Value>, ApiError> {
    users.delete_backup(&session.user_id, &version).await?;
    Ok(Json(json!({})))
}
