//! Setting state.

use causeway_store::log::SentBy;
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId, RoomId};
use serde_json::value::RawValue;

use super::draft::{bad_content, fields, forbidden};
use super::guests::lets_guests_in;
use super::send::SendError;
use crate::{Append, Rooms, WriteError};

/// A state event that a user wants to set.
#[derive(Debug, Clone)]
pub struct SetState {
    /// Where.
    pub room: OwnedRoomId,
    /// Who.
    pub sender: OwnedUserId,
    /// The event's type.
    pub event_type: String,
    /// The state key.
    pub state_key: String,
    /// The content, a JSON object.
    pub content: Box<RawValue>,
    /// When the event was made, in milliseconds since 1970, instead of now.
    pub timestamp_ms: Option<u64>,
}

impl Rooms {
    /// Sets state; gives the event's id. State that stands already is not written again: the
    /// standing event's id is given then.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn set_state(&self, set: SetState) -> Result<OwnedEventId, SendError> {
        self.set_state_by(set, None).await
    }

    /// Sets state in a transaction. Memberships are written without it.
    pub(crate) async fn set_state_by(
        &self,
        set: SetState,
        sent_by: Option<SentBy>,
    ) -> Result<OwnedEventId, SendError> {
        let head = self.head(&set.room).await?;
        match set.event_type.as_str() {
            "m.room.member" => return Ok(self.set_member(set).await?),
            "m.room.create" => return Err(forbidden("A room is created once").into()),
            "m.room.tombstone" => check_tombstone(&set.room, &set.content)?,
            "m.room.canonical_alias" => self.check_canonical_alias(&head, &set.content).await?,
            _ => {}
        }
        let ends_guests = set.event_type == "m.room.guest_access" && !lets_guests_in(&set.content);
        let mut draft = self.state_event(set.event_type, set.state_key, &set.sender, set.content);
        if let Some(timestamp_ms) = set.timestamp_ms {
            draft.origin_ts_ms = timestamp_ms;
        }
        let append = Append {
            skip_unchanged: true,
            sent_by,
            ..Append::one(draft)
        };
        let event_id = self.append_one(&set.room, append).await?;
        if ends_guests {
            self.part_with_guests(&head).await?;
        }
        Ok(event_id)
    }
}

/// A room cannot be replaced by itself.
pub(crate) fn check_tombstone(room: &RoomId, content: &RawValue) -> Result<(), WriteError> {
    let content = fields(content)?;
    let replacement = content.get("replacement_room");
    if replacement.is_some_and(|replacement| *replacement == room.as_str()) {
        return Err(bad_content("a room cannot replace itself"));
    }
    Ok(())
}
