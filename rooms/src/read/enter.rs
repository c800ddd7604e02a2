//! What a room is to the one who asks: the first query of every read.

use causeway_events::RoomVersion;
use causeway_events::visibility::Visibility;
use causeway_store::log::Membership;
use causeway_store::timeline::{Access, Departure, RoomToken, find_access, find_departure};
use causeway_store::{RoomNid, RoomPlace, StateRef, StoreError};
use ruma::{RoomId, RoomVersionId, UserId};
use serde::Deserialize;

use super::{Asker, ReadError, Reader};

/// Ignored users that are looked at.
const MAX_IGNORED_USERS: usize = 5_000;

/// A room that somebody may look into, and how far.
#[derive(Debug, Clone)]
pub struct Room {
    /// The room.
    pub nid: RoomNid,
    /// The room version.
    pub version: RoomVersion,
    /// The user's membership now.
    pub membership: Option<Membership>,
    /// Whether the room stands in this server's directory.
    pub published: bool,
    /// The current state.
    pub(super) state: StateRef,
    /// The room's history is open to everybody now.
    pub(super) is_world_readable: bool,
    /// When the user last left, if they are not in the room now.
    pub(super) departure: Option<Departure>,
    /// Whom the user ignores.
    pub(super) ignored: Vec<String>,
}

impl Room {
    /// The room as the user sees it who left it then.
    pub(super) fn of(
        access: &Access,
        departure: Option<Departure>,
        ignored: Vec<String>,
    ) -> Result<Self, ReadError> {
        Ok(Self {
            nid: access.room,
            version: version_of(access)?,
            membership: access.membership,
            published: access.published,
            state: access.state,
            is_world_readable: is_world_readable(access.visibility_json.as_deref()),
            departure,
            ignored,
        })
    }

    /// Whether the user is in the room.
    pub fn is_joined(&self) -> bool {
        self.membership == Some(Membership::Join)
    }

    /// Whether the room's history is open to everybody now.
    pub fn is_world_readable(&self) -> bool {
        self.is_world_readable
    }

    /// The state that the user may see: the current one, or the one they left behind.
    pub(super) fn visible_state(&self) -> Option<StateRef> {
        match self.departure {
            Some(departure) if !self.is_world_readable => Some(departure.state),
            _ => None,
        }
    }

    /// The end of what the user may see, for those who left.
    pub(super) fn end(&self) -> Option<RoomPlace> {
        match self.departure {
            Some(departure) if !self.is_world_readable => Some(departure.place),
            _ => None,
        }
    }

    /// The gap after all that the user may see.
    pub(super) fn end_token(&self) -> RoomToken {
        self.end().map_or(RoomToken::END, RoomToken::after)
    }
}

impl Reader {
    /// Enters a room as somebody who is or was in it, or as anybody if its history is open to
    /// the world (client-server, Room history visibility; Guest access).
    ///
    /// One query, and another one for those who left.
    ///
    /// # Errors
    /// [`ReadError::Forbidden`] for everybody else, and if there is no such room.
    pub async fn enter(&self, room_id: &RoomId, asker: &Asker) -> Result<Room, ReadError> {
        let access = find_access(&self.store, room_id, &asker.user)
            .await?
            .ok_or(ReadError::Forbidden)?;
        let is_world_readable = is_world_readable(access.visibility_json.as_deref());
        let is_joined = access.membership == Some(Membership::Join);
        let departure = match access.member_event {
            Some(event) if !is_joined && access.was_joined && !access.forgotten => {
                find_departure(&self.store, access.room, event).await?
            }
            _ => None,
        };
        if !is_joined && departure.is_none() && !is_world_readable {
            return Err(ReadError::Forbidden);
        }
        let ignored = ignored_users(access.ignored_json.as_deref(), &asker.user);
        Room::of(&access, departure, ignored)
    }

    /// As [`Self::enter`], for those only who are in the room now.
    ///
    /// # Errors
    /// [`ReadError::Forbidden`] for everybody else.
    pub async fn enter_joined(&self, room_id: &RoomId, asker: &Asker) -> Result<Room, ReadError> {
        let room = self.enter(room_id, asker).await?;
        if room.is_joined() {
            Ok(room)
        } else {
            Err(ReadError::Forbidden)
        }
    }
}

fn version_of(access: &Access) -> Result<RoomVersion, StoreError> {
    RoomVersionId::try_from(access.version.as_str())
        .ok()
        .and_then(|id| RoomVersion::find(&id))
        .ok_or_else(|| StoreError::Corrupt {
            table: "rooms",
            id: access.room.to_string(),
        })
}

#[derive(Deserialize)]
struct VisibilityEvent {
    content: VisibilityContent,
}

#[derive(Deserialize)]
struct VisibilityContent {
    history_visibility: String,
}

/// What an `m.room.history_visibility` says.
pub(super) fn visibility_of(json: Option<&str>) -> Visibility {
    json.and_then(|json| serde_json::from_str::<VisibilityEvent>(json).ok())
        .map_or(Visibility::Shared, |event| {
            Visibility::parse(&event.content.history_visibility)
        })
}

fn is_world_readable(json: Option<&str>) -> bool {
    visibility_of(json) == Visibility::WorldReadable
}

/// Whom an `m.ignored_user_list` names.
pub(super) fn ignored_users(json: Option<&str>, user: &UserId) -> Vec<String> {
    #[derive(Deserialize)]
    struct Content {
        ignored_users: std::collections::BTreeMap<String, serde::de::IgnoredAny>,
    }
    let content = json.and_then(|json| serde_json::from_str::<Content>(json).ok());
    content
        .into_iter()
        .flat_map(|content| content.ignored_users.into_keys())
        .filter(|ignored| ignored != user.as_str())
        .take(MAX_IGNORED_USERS)
        .collect()
}
