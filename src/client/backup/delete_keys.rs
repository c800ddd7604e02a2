use axum::Json;
use axum::extract::State;
use causeway_store::users::key_backups::Part;
use causeway_users::Users;
use serde_json::Value;

use super::{InVersion, told};
use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::parameters::{InPath, InQuery};

/// `DELETE /_matrix/client/v3/room_keys/keys`
pub async fn delete_all_keys(
    State(users): State<Users>,
    session: Session,
    InQuery(query): InQuery<InVersion>,
) -> Result<Json<Value>, ApiError> {
    delete(&users, &session, &query, Part::default()).await
}

/// `DELETE /_matrix/client/v3/room_keys/keys/{roomId}`
pub async fn delete_keys_of_room(
    State(users): State<Users>,
    session: Session,
    InPath(room): InPath<String>,
    InQuery(query): InQuery<InVersion>,
) -> Result<Json<Value>, ApiError> {
    let part = Part {
        room_id: Some(&room),
        session_id: None,
    };
    delete(&users, &session, &query, part).await
}

/// `DELETE /_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}`
pub async fn delete_key_of_session(
    State(users): State<Users>,
    session: Session,
    InPath((room, id)): InPath<(String, String)>,
    InQuery(query): InQuery<InVersion>,
) -> Result<Json<Value>, ApiError> {
    let part = Part {
        room_id: Some(&room),
        session_id: Some(&id),
    };
    delete(&users, &session, &query, part).await
}

async fn delete(
    users: &Users,
    session: &Session,
    query: &InVersion,
    part: Part<'_>,
) -> Result<Json<Value>, ApiError> {
    let version = query.required()?;
    let tally = users
        .delete_backup_keys(&session.user_id, version, part)
        .await?;
    Ok(told(tally))
}
