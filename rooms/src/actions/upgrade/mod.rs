//! Replacing a room by one of another version (client-server, "Room upgrades").

mod carry;
mod levels;

use causeway_events::RoomVersion;
use causeway_store::StoreError;
use causeway_store::log::Membership;
use causeway_store::rooms::{find_room, move_aliases, set_published};
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, RoomVersionId, UserId};
use serde_json::json;

use super::draft::{forbidden, raw};
use super::initial::single;
use crate::{Append, Head, LoadError, Rooms, StateEntry, WriteError};

/// A room that a user wants to replace.
#[derive(Debug, Clone)]
pub struct Upgrade {
    /// Which room.
    pub room: OwnedRoomId,
    /// Who.
    pub user: OwnedUserId,
    /// The version of the new room.
    pub version: RoomVersionId,
    /// Further creators of the new room, where its version has such.
    pub additional_creators: Vec<OwnedUserId>,
}

/// Why a room was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    /// This server does not know the room.
    #[error("This server does not know the room")]
    NoSuchRoom,
    /// This server does not speak the room version.
    #[error("This server does not know the room version {0}")]
    UnsupportedVersion(RoomVersionId),
    /// The room's rules do not allow it, or it could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<StoreError> for UpgradeError {
    fn from(error: StoreError) -> Self {
        Self::Write(error.into())
    }
}

impl From<LoadError> for UpgradeError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::NoSuchRoom => Self::NoSuchRoom,
            LoadError::Store(error) => Self::Write(error.into()),
        }
    }
}

impl Rooms {
    /// Replaces a room; gives the new room's id. Its state is carried over, its aliases and its
    /// place in the directory move, and the old room is closed to ordinary events. Members are
    /// not carried over: they find the new room through the old one's tombstone.
    ///
    /// # Errors
    /// See [`UpgradeError`].
    pub async fn upgrade(&self, upgrade: Upgrade) -> Result<OwnedRoomId, UpgradeError> {
        let version = RoomVersion::find(&upgrade.version)
            .ok_or_else(|| UpgradeError::UnsupportedVersion(upgrade.version.clone()))?;
        let (old, user) = (&*upgrade.room, &*upgrade.user);
        let head = self
            .head_with(old, std::slice::from_ref(&upgrade.user))
            .await?;
        check_permission(&head, user)?;
        let new = if version.room_id_is_create_hash() {
            // The id follows from the create event, which therefore cannot name the tombstone.
            let state = self.carried(&head, &upgrade, version, None).await?;
            let new = self.make_room(version, user, &state).await?;
            self.bury(old, user, &new).await?;
            new
        } else {
            let new = RoomId::new_v1(self.server_name());
            let tombstone = self.bury(old, user, &new).await?;
            let made = self.make_named(&head, &upgrade, version, &new, tombstone);
            if let Err(error) = made.await {
                self.unbury(old, user).await;
                return Err(error);
            }
            new
        };
        self.move_in(&head, user, &new).await?;
        self.carry_personal(user, old, &new).await;
        Ok(new)
    }

    async fn make_named(
        &self,
        head: &Head,
        upgrade: &Upgrade,
        version: RoomVersion,
        new: &RoomId,
        tombstone: OwnedEventId,
    ) -> Result<(), UpgradeError> {
        let state = self
            .carried(head, upgrade, version, Some(&tombstone))
            .await?;
        let drafts = self.drafts(&upgrade.user, &state);
        self.append_new(version, Some(new.to_owned()), drafts)
            .await?;
        Ok(())
    }

    /// Says in the old room which one replaces it.
    async fn bury(
        &self,
        old: &RoomId,
        user: &UserId,
        new: &RoomId,
    ) -> Result<OwnedEventId, UpgradeError> {
        let content = json!({"body": "This room has been replaced", "replacement_room": new});
        let draft = self.state_event("m.room.tombstone", "", user, raw(&content)?);
        let mut accepted = self.append(old, Append::one(draft)).await?;
        let event_id = accepted.event_ids.pop();
        event_id.ok_or(UpgradeError::Write(WriteError::Busy))
    }

    /// The new room could not be made: nothing replaces the old one.
    async fn unbury(&self, old: &RoomId, user: &UserId) {
        self.try_state(old, user, "m.room.tombstone", json!({}))
            .await;
    }

    /// Moves what belongs to one room at a time, and closes the old room.
    async fn move_in(&self, old: &Head, user: &UserId, new: &RoomId) -> Result<(), UpgradeError> {
        let new_room = self.head(new).await?.room();
        move_aliases(self.store(), old.room(), new_room).await?;
        let row = find_room(self.store(), old.room_id()).await?;
        if row.is_some_and(|row| row.published) {
            set_published(self.store(), new_room, true).await?;
            set_published(self.store(), old.room(), false).await?;
        }
        if old.state("m.room.canonical_alias", "").is_some() {
            self.try_state(old.room_id(), user, "m.room.canonical_alias", json!({}))
                .await;
        }
        if let Some(levels) = levels::closed(old) {
            self.try_state(old.room_id(), user, "m.room.power_levels", json!(levels))
                .await;
        }
        Ok(())
    }

    /// Sets state in the old room, if the user may; the upgrade does not fail by it.
    async fn try_state(
        &self,
        room: &RoomId,
        user: &UserId,
        event_type: &str,
        content: serde_json::Value,
    ) {
        let set = async {
            let draft = self.state_event(event_type, "", user, raw(&content)?);
            self.append(room, Append::one(draft)).await
        };
        if let Err(error) = set.await {
            tracing::info!(%room, event_type, %error, "the replaced room stays as it is");
        }
    }
}

fn check_permission(head: &Head, user: &UserId) -> Result<(), WriteError> {
    let member = head.remembered_member(user).flatten();
    if member.and_then(StateEntry::membership) != Some(Membership::Join) {
        return Err(forbidden("You are not in this room"));
    }
    if !head.power().may_send(user, "m.room.tombstone", true) {
        return Err(forbidden("You may not upgrade this room"));
    }
    Ok(())
}

/// The content of an `m.room.create` that follows another room.
fn predecessor(old: &RoomId, tombstone: Option<&OwnedEventId>) -> serde_json::Value {
    let mut predecessor = single("room_id", old.as_str());
    if let Some(tombstone) = tombstone {
        predecessor.insert("event_id".to_owned(), json!(tombstone));
    }
    predecessor.into()
}
