//! Aliases of rooms.

use causeway_store::StoreError;
use causeway_store::log::Membership;
use causeway_store::rooms::{
    Alias, create_alias, delete_alias, find_alias, find_room, set_published,
};
use ruma::{
    OwnedRoomAliasId, OwnedRoomId, OwnedUserId, RoomAliasId, RoomId, RoomOrAliasId, UserId,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::draft::{Content, bad_content, raw};
use super::send::SendError;
use crate::{Append, Head, LoadError, Rooms, WriteError};

/// Aliases that one `m.room.canonical_alias` may newly name, each of which is looked up.
const MAX_NEW_ALIASES: usize = 100;

/// What is wrong with an alias that `m.room.canonical_alias` names.
#[derive(Debug, thiserror::Error)]
pub enum AliasMistake {
    /// It is no alias at all.
    #[error("`{0}` is not a room alias")]
    Malformed(String),
    /// It does not exist, or leads to another room.
    #[error("The alias {0} does not lead to this room")]
    LeadsElsewhere(OwnedRoomAliasId),
}

/// The content of `m.room.canonical_alias`.
#[derive(Debug, Default, Deserialize)]
struct CanonicalAlias {
    alias: Option<String>,
    #[serde(default)]
    alt_aliases: Vec<String>,
}

impl CanonicalAlias {
    /// The aliases it names. An empty alias names none.
    fn named(&self) -> impl Iterator<Item = &String> {
        let main = self.alias.iter().filter(|alias| !alias.is_empty());
        main.chain(&self.alt_aliases)
    }
}

/// Why something about an alias, or about the directory, was not done.
#[derive(Debug, thiserror::Error)]
pub enum AliasError {
    /// No room has the alias.
    #[error("There is no room with this alias")]
    NotFound,
    /// This server does not know the room.
    #[error("This server does not know the room")]
    NoSuchRoom,
    /// The alias leads to a room already.
    #[error("The alias exists already")]
    Exists,
    /// The alias belongs to another server.
    #[error("The alias belongs to another server")]
    NotLocal,
    /// The user has not got the power for it.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LoadError> for AliasError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::NoSuchRoom => Self::NoSuchRoom,
            LoadError::Store(error) => Self::Store(error),
        }
    }
}

impl Rooms {
    /// The room that an id or an alias of this server names.
    ///
    /// # Errors
    /// [`AliasError::NotFound`], or if the database does not answer.
    pub async fn resolve(&self, named: &RoomOrAliasId) -> Result<OwnedRoomId, AliasError> {
        match <&RoomId>::try_from(named) {
            Ok(room) => Ok(room.to_owned()),
            Err(alias) => self.resolve_alias(alias).await,
        }
    }

    /// The room of an alias of this server.
    ///
    /// # Errors
    /// As [`Rooms::resolve`].
    pub async fn resolve_alias(&self, alias: &RoomAliasId) -> Result<OwnedRoomId, AliasError> {
        let found = find_alias(self.store(), alias).await?;
        found.map(|found| found.room_id).ok_or(AliasError::NotFound)
    }

    /// Makes an alias of a room that the user is in.
    ///
    /// # Errors
    /// See [`AliasError`].
    pub async fn add_alias(
        &self,
        alias: &RoomAliasId,
        room: &RoomId,
        user: &UserId,
    ) -> Result<(), AliasError> {
        if alias.server_name() != self.server_name() {
            return Err(AliasError::NotLocal);
        }
        let head = self.head_with(room, &[user.to_owned()]).await?;
        if !is_joined(&head, user) {
            return Err(AliasError::Forbidden("You are not in this room"));
        }
        if create_alias(self.store(), alias, head.room(), user).await? {
            Ok(())
        } else {
            Err(AliasError::Exists)
        }
    }

    /// Takes an alias away, and out of the room's canonical aliases if the user may change those.
    ///
    /// It takes having made the alias, the power to change the room's canonical alias, or being
    /// an administrator of this server.
    ///
    /// # Errors
    /// See [`AliasError`].
    pub async fn remove_alias(
        &self,
        alias: &RoomAliasId,
        user: &UserId,
        is_admin: bool,
    ) -> Result<(), AliasError> {
        let found: Alias = find_alias(self.store(), alias)
            .await?
            .ok_or(AliasError::NotFound)?;
        let head = self.head_with(&found.room_id, &[user.to_owned()]).await?;
        let may = is_admin || found.creator == user.as_str() || has_say(&head, user);
        if !may {
            return Err(AliasError::Forbidden("You may not take this alias away"));
        }
        if !delete_alias(self.store(), alias).await? {
            return Err(AliasError::NotFound);
        }
        if let Err(error) = self.retract_canonical(&head, alias, user).await {
            tracing::debug!(%alias, %error, "the room still calls itself by the alias");
        }
        Ok(())
    }

    /// Takes an alias out of `m.room.canonical_alias`.
    async fn retract_canonical(
        &self,
        head: &Head,
        alias: &RoomAliasId,
        user: &UserId,
    ) -> Result<(), WriteError> {
        let Some(mut content) = head.content::<Content>("m.room.canonical_alias") else {
            return Ok(());
        };
        let before = content.clone();
        content.retain(|field, value| !(field == "alias" && *value == alias.as_str()));
        if let Some(serde_json::Value::Array(others)) = content.get_mut("alt_aliases") {
            others.retain(|other| *other != alias.as_str());
        }
        if content == before {
            return Ok(());
        }
        let draft = self.state_event("m.room.canonical_alias", "", user, raw(&content)?);
        self.append(head.room_id(), Append::one(draft)).await?;
        Ok(())
    }

    /// Whether a room stands in this server's directory.
    ///
    /// # Errors
    /// [`AliasError::NoSuchRoom`], or if the database does not answer.
    pub async fn is_published(&self, room: &RoomId) -> Result<bool, AliasError> {
        let row = find_room(self.store(), room).await?;
        row.map(|row| row.published).ok_or(AliasError::NoSuchRoom)
    }

    /// Puts a room into this server's directory, or takes it out. It takes the power to change
    /// the room's canonical alias, or being an administrator of this server.
    ///
    /// # Errors
    /// See [`AliasError`].
    pub async fn publish(
        &self,
        room: &RoomId,
        user: &OwnedUserId,
        is_admin: bool,
        published: bool,
    ) -> Result<(), AliasError> {
        let head = self.head_with(room, std::slice::from_ref(user)).await?;
        if !is_admin && !has_say(&head, user) {
            return Err(AliasError::Forbidden(
                "You may not change this room's place in the directory",
            ));
        }
        set_published(self.store(), head.room(), published).await?;
        Ok(())
    }
}

/// Whether the user, whom the head remembers, is in the room.
fn is_joined(head: &Head, user: &UserId) -> bool {
    let member = head.remembered_member(user).flatten();
    member.and_then(crate::StateEntry::membership) == Some(Membership::Join)
}

/// Whether the user is in the room and may say by which alias it is known.
fn has_say(head: &Head, user: &UserId) -> bool {
    let power = head.power();
    is_joined(head, user) && power.may_send(user, "m.room.canonical_alias", true)
}

impl Rooms {
    /// Each alias that the content names and the standing event does not must lead to the room.
    pub(crate) async fn check_canonical_alias(
        &self,
        head: &Head,
        content: &RawValue,
    ) -> Result<(), SendError> {
        let new: CanonicalAlias =
            serde_json::from_str(content.get()).map_err(|error| bad_content(error.to_string()))?;
        let old: CanonicalAlias = head.content("m.room.canonical_alias").unwrap_or_default();
        let added: Vec<&String> = new
            .named()
            .filter(|alias| !old.named().any(|known| known == *alias))
            .collect();
        if added.len() > MAX_NEW_ALIASES {
            return Err(bad_content("too many aliases at once").into());
        }
        for alias in added {
            let alias =
                RoomAliasId::parse(alias).map_err(|_| AliasMistake::Malformed(alias.clone()))?;
            let found = find_alias(self.store(), &alias).await?;
            if found.is_none_or(|found| found.room != head.room()) {
                return Err(AliasMistake::LeadsElsewhere(alias).into());
            }
        }
        Ok(())
    }
}
