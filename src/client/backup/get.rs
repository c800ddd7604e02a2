use axum::Json;
use axum::extract::State;
use causeway_store::StoreError;
use causeway_store::users::key_backups::Version;
use causeway_users::Users;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::parameters::InPath;

/// A version as its user sees it.
#[derive(Debug, Serialize)]
pub struct Answer {
    algorithm: String,
    auth_data: Box<RawValue>,
    count: i64,
    etag: String,
    version: String,
}

/// `GET /_matrix/client/v3/room_keys/version`
pub async fn get_current(
    State(users): State<Users>,
    session: Session,
) -> Result<Json<Answer>, ApiError> {
    shown(users.backup(&session.user_id, None).await?)
}

/// `GET /_matrix/client/v3/room_keys/version/{version}`
pub async fn get(
    State(users): State<Users>,
    session: Session,
    InPath(version): InPath<String>,
) -> Result<Json<Answer>, ApiError> {
    shown(users.backup(&session.user_id, Some(&version)).await?)
}

fn shown(version: Version) -> Result<Json<Answer>, ApiError> {
    let auth_data = RawValue::from_string(version.auth_data).map_err(|_| StoreError::Corrupt {
        table: "key_backups",
        id: version.version.to_string(),
    })?;
    Ok(Json(Answer {
        algorithm: version.algorithm,
        auth_data,
        count: version.key_count,
        etag: version.etag.to_string(),
        version: version.version.to_string(),
    }))
}
