//! Account data: global, of rooms, and tags, which are account data of a room.

pub mod global;
pub mod room;
pub mod tags;

use causeway_users::Users;
use ruma::serde::Raw;
use ruma::{RoomId, UserId};

use super::error::ApiError;
use super::extract::Session;

/// The account data of one type, global or of a room. Everybody reads only their own.
async fn read<T>(
    users: &Users,
    session: &Session,
    user: &UserId,
    room: Option<&RoomId>,
    event_type: &str,
) -> Result<Raw<T>, ApiError> {
    session.must_be(user)?;
    let content = users.account_data(user, room, event_type).await?;
    Raw::from_json_string(content).map_err(ApiError::internal)
}

/// Replaces it. Everybody writes only their own.
async fn write<T>(
    users: &Users,
    session: &Session,
    user: &UserId,
    room: Option<&RoomId>,
    event_type: &str,
    data: Raw<T>,
) -> Result<(), ApiError> {
    session.must_be(user)?;
    let content = data.json().get().to_owned();
    users
        .set_account_data(user, room, event_type, content)
        .await?;
    Ok(())
}
