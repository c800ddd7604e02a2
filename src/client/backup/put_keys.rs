use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use causeway_users::backup::{Key, Keys};
use ruma::{Int, UInt};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{InVersion, told};
use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::json_body::JsonBody;
use crate::client::parameters::{InPath, InQuery};

/// A key of a session.
#[derive(Debug, Deserialize)]
pub struct SessionKey {
    first_message_index: UInt,
    forwarded_count: UInt,
    is_verified: bool,
    session_data: Box<RawValue>,
}

/// Keys of a room.
#[derive(Debug, Deserialize)]
pub struct RoomKeys {
    sessions: BTreeMap<String, SessionKey>,
}

/// Keys of several rooms.
#[derive(Debug, Deserialize)]
pub struct AllKeys {
    rooms: BTreeMap<String, RoomKeys>,
}

impl From<SessionKey> for Key {
    fn from(key: SessionKey) -> Self {
        Self {
            first_message_index: Int::from(key.first_message_index).into(),
            forwarded_count: Int::from(key.forwarded_count).into(),
            is_verified: key.is_verified,
            session_data: key.session_data,
        }
    }
}

impl RoomKeys {
    fn keys(self) -> BTreeMap<String, Key> {
        let sessions = self.sessions.into_iter();
        sessions.map(|(id, key)| (id, key.into())).collect()
    }
}

/// `PUT /_matrix/client/v3/room_keys/keys`
pub async fn put_all_keys(
    State(users): State<Users>,
    session: Session,
    InQuery(query): InQuery<InVersion>,
    JsonBody(body): JsonBody<AllKeys>,
) -> Result<Json<Value>, ApiError> {
    let rooms = body.rooms.into_iter();
    let keys = rooms.map(|(room, keys)| (room, keys.keys())).collect();
    put(&users, &session, &query, keys).await
}

/// `PUT /_matrix/client/v3/room_keys/keys/{roomId}`
pub async fn put_keys_of_room(
    State(users): State<Users>,
    session: Session,
    InPath(room): InPath<String>,
    InQuery(query): InQuery<InVersion>,
    JsonBody(body): JsonBody<RoomKeys>,
) -> Result<Json<Value>, ApiError> {
    put(&users, &session, &query, Keys::from([(room, body.keys())])).await
}

/// `PUT /_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}`
pub async fn put_key_of_session(
    State(users): State<Users>,
    session: Session,
    InPath((room, id)): InPath<(String, String)>,
    InQuery(query): InQuery<InVersion>,
    JsonBody(body): JsonBody<SessionKey>,
) -> Result<Json<Value>, ApiError> {
    let keys = Keys::from([(room, BTreeMap::from([(id, body.into())]))]);
    put(&users, &session, &query, keys).await
}

async fn put(
    users: &Users,
    session: &Session,
    query: &InVersion,
    keys: Keys,
) -> Result<Json<Value>, ApiError> {
    let version = query.required()?;
    let tally = users
        .put_backup_keys(&session.user_id, version, keys)
        .await?;
    Ok(told(tally))
}
