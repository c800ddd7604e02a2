//! Tags of rooms, which are the account data `m.tag` of a room. Specification: client-server
//! API, "Room Tagging".

use ruma::{RoomId, UserId};
use serde_json::{Map, Value, json};

use crate::Users;
use crate::account_data::AccountDataError;

/// Most tags of one room.
pub const MAX_TAGS: usize = 100;

/// Longest tag, in bytes.
pub const MAX_TAG_BYTES: usize = 255;

const TYPE: &str = "m.tag";

impl Users {
    /// The tags a user gave a room, by name.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn tags(
        &self,
        user_id: &UserId,
        room_id: &RoomId,
    ) -> Result<Map<String, Value>, AccountDataError> {
        let content = match self.account_data(user_id, Some(room_id), TYPE).await {
            Ok(content) => content,
            Err(AccountDataError::NotFound) => return Ok(Map::new()),
            Err(error) => return Err(error),
        };
        let mut content: Value = serde_json::from_str(&content).unwrap_or_default();
        Ok(match content.get_mut("tags").map(Value::take) {
            Some(Value::Object(tags)) => tags,
            _ => Map::new(),
        })
    }

    /// Gives a room a tag, with what belongs to it (an object, such as its `order`).
    ///
    /// # Errors
    /// [`AccountDataError`] says why not.
    pub async fn set_tag(
        &self,
        user_id: &UserId,
        room_id: &RoomId,
        tag: &str,
        info: Value,
    ) -> Result<(), AccountDataError> {
        if tag.len() > MAX_TAG_BYTES {
            return Err(AccountDataError::TooLarge);
        }
        let _turn = self.0.in_turn.turn(user_id).await;
        let mut tags = self.tags(user_id, room_id).await?;
        tags.insert(tag.to_owned(), info);
        if tags.len() > MAX_TAGS {
            return Err(AccountDataError::TooLarge);
        }
        let content = json!({ "tags": tags }).to_string();
        self.write_account_data(user_id, Some(room_id), TYPE, content)
            .await
    }

    /// Takes a tag from a room, if it has it.
    ///
    /// # Errors
    /// [`AccountDataError`] says why not.
    pub async fn delete_tag(
        &self,
        user_id: &UserId,
        room_id: &RoomId,
        tag: &str,
    ) -> Result<(), AccountDataError> {
        let _turn = self.0.in_turn.turn(user_id).await;
        let mut tags = self.tags(user_id, room_id).await?;
        if tags.remove(tag).is_none() {
            return Ok(());
        }
        let content = json!({ "tags": tags }).to_string();
        self.write_account_data(user_id, Some(room_id), TYPE, content)
            .await
    }
}
