//! Account data: what clients keep for themselves, for all rooms or for one. Specification:
//! client-server API, "Client Config".

use causeway_store::log::AccountData;
use causeway_store::users::account_data as store;
use causeway_store::{AppendError, Change, RoomNid, StoreError};
use ruma::{OwnedRoomId, RoomId, UserId};

use crate::Users;

/// Largest content of one entry, in bytes.
pub const MAX_CONTENT_BYTES: usize = 1_048_576;

/// Longest type of an entry, in bytes.
pub const MAX_TYPE_BYTES: usize = 255;

/// The content of an entry that was deleted (MSC3391). Clients see it once in `/sync`.
const DELETED: &str = "{}";

/// Types that have endpoints of their own.
const SERVER_MANAGED: [&str; 2] = ["m.fully_read", "m.push_rules"];

/// Why account data was not read or set.
#[derive(Debug, thiserror::Error)]
pub enum AccountDataError {
    /// There is no such entry.
    #[error("no such account data")]
    NotFound,
    /// The room is not known here.
    #[error("no such room")]
    UnknownRoom,
    /// The type has an endpoint of its own.
    #[error("this type of account data is set through its own endpoint")]
    ServerManaged,
    /// The content is not an object, or not JSON that can be kept.
    #[error("the content must be a JSON object")]
    NotAnObject,
    /// Content or type is too long.
    #[error("the account data is too large")]
    TooLarge,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log failed.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl Users {
    /// The content of an entry, as JSON. An entry without content is one that was deleted.
    ///
    /// # Errors
    /// [`AccountDataError::NotFound`], or the database's.
    pub async fn account_data(
        &self,
        user_id: &UserId,
        room_id: Option<&RoomId>,
        event_type: &str,
    ) -> Result<String, AccountDataError> {
        let room_id = room_id.map(RoomId::as_str);
        store::find(self.store(), user_id.as_str(), room_id, event_type)
            .await?
            .filter(|content| content != DELETED)
            .ok_or(AccountDataError::NotFound)
    }

    /// Sets an entry to `content`, a JSON object, for its user's client.
    ///
    /// # Errors
    /// [`AccountDataError`] says why not.
    pub async fn set_account_data(
        &self,
        user_id: &UserId,
        room_id: Option<&RoomId>,
        event_type: &str,
        content: String,
    ) -> Result<(), AccountDataError> {
        if SERVER_MANAGED.contains(&event_type) {
            return Err(AccountDataError::ServerManaged);
        }
        self.write_account_data(user_id, room_id, event_type, content)
            .await
    }

    /// Deletes an entry. One that is not there may be deleted, too.
    ///
    /// # Errors
    /// [`AccountDataError`] says why not.
    pub async fn delete_account_data(
        &self,
        user_id: &UserId,
        room_id: Option<&RoomId>,
        event_type: &str,
    ) -> Result<(), AccountDataError> {
        if SERVER_MANAGED.contains(&event_type) {
            return Err(AccountDataError::ServerManaged);
        }
        match self.account_data(user_id, room_id, event_type).await {
            Ok(_) => {
                let content = DELETED.to_owned();
                self.write_account_data(user_id, room_id, event_type, content)
                    .await
            }
            Err(AccountDataError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn write_account_data(
        &self,
        user_id: &UserId,
        room_id: Option<&RoomId>,
        event_type: &str,
        content: String,
    ) -> Result<(), AccountDataError> {
        if content.len() > MAX_CONTENT_BYTES || event_type.len() > MAX_TYPE_BYTES {
            return Err(AccountDataError::TooLarge);
        }
        if !content.trim_start().starts_with('{') || event_type.contains('\0') {
            return Err(AccountDataError::NotAnObject);
        }
        let is_empty = content
            .chars()
            .filter(|letter| !letter.is_whitespace())
            .eq(DELETED.chars());
        let content = if is_empty {
            DELETED.to_owned()
        } else {
            content
        };
        let room = match room_id {
            Some(id) => Some(self.room_of(id).await?),
            None => None,
        };
        let data = AccountData {
            user: user_id.to_owned(),
            room,
            event_type: event_type.to_owned(),
            content,
        };
        self.log().append(Change::AccountData(data)).await?;
        Ok(())
    }

    async fn room_of(&self, room_id: &RoomId) -> Result<(RoomNid, OwnedRoomId), AccountDataError> {
        let nid = store::find_room(self.store(), room_id.as_str())
            .await?
            .ok_or(AccountDataError::UnknownRoom)?;
        Ok((nid, room_id.to_owned()))
    }
}
