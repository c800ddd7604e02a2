use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use causeway_store::StoreError;
use causeway_store::users::key_backups::{BackedUpKey, Part};
use causeway_users::Users;
use serde::Serialize;
use serde_json::value::RawValue;

use super::InVersion;
use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::parameters::{InPath, InQuery};

/// A key of a session.
#[derive(Debug, Serialize)]
pub struct SessionKey {
    first_message_index: i64,
    forwarded_count: i64,
    is_verified: bool,
    session_data: Box<RawValue>,
}

/// Keys of a room.
#[derive(Debug, Default, Serialize)]
pub struct RoomKeys {
    sessions: BTreeMap<String, SessionKey>,
}

/// Keys of several rooms.
#[derive(Debug, Default, Serialize)]
pub struct AllKeys {
    rooms: BTreeMap<String, RoomKeys>,
}

impl TryFrom<BackedUpKey> for SessionKey {
    type Error = StoreError;

    fn try_from(row: BackedUpKey) -> Result<Self, StoreError> {
        let session_data = RawValue::from_string(row.session_data);
        Ok(Self {
            first_message_index: row.first_message_index,
            forwarded_count: row.forwarded_count,
            is_verified: row.is_verified,
            session_data: session_data.map_err(|_| StoreError::Corrupt {
                table: "backed_up_keys",
                id: row.session_id,
            })?,
        })
    }
}

/// `GET /_matrix/client/v3/room_keys/keys`
pub async fn get_all_keys(
    State(users): State<Users>,
    session: Session,
    InQuery(query): InQuery<InVersion>,
) -> Result<Json<AllKeys>, ApiError> {
    let mut all = AllKeys::default();
    for row in find(&users, &session, &query, Part::default()).await? {
        let room = all.rooms.entry(row.room_id.clone()).or_default();
        room.sessions
            .insert(row.session_id.clone(), row.try_into()?);
    }
    Ok(Json(all))
}

/// `GET /_matrix/client/v3/room_keys/keys/{roomId}`
pub async fn get_keys_of_room(
    State(users): State<Users>,
    session: Session,
    InPath(room): InPath<String>,
    InQuery(query): InQuery<InVersion>,
) -> Result<Json<RoomKeys>, ApiError> {
    let part = Part {
        room_id: Some(&room),
        session_id: None,
    };
    let mut found = RoomKeys::default();
    for row in find(&users, &session, &query, part).await? {
        found
            .sessions
            .insert(row.session_id.clone(), row.try_into()?);
    }
    Ok(Json(found))
}

/// `GET /_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}`
pub async fn get_key_of_session(
    State(users): State<Users>,
    session: Session,
    InPath((room, id)): InPath<(String, String)>,
    InQuery(query): InQuery<InVersion>,
) -> Result<Json<SessionKey>, ApiError> {
    let part = Part {
        room_id: Some(&room),
        session_id: Some(&id),
    };
    let found = find(&users, &session, &query, part).await?;
    let row = found.into_iter().next();
    let row = row.ok_or_else(|| ApiError::not_found("There is no such key"))?;
    Ok(Json(row.try_into()?))
}

async fn find(
    users: &Users,
    session: &Session,
    query: &InVersion,
    part: Part<'_>,
) -> Result<Vec<BackedUpKey>, ApiError> {
    let version = query.required()?;
    Ok(users.backup_keys(&session.user_id, version, part).await?)
}
