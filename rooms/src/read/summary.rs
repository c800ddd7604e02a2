//! What people outside are told about a room (client-server, Room summary, Published room
//! directory, Spaces).

use causeway_store::StoreError;
use causeway_store::log::Membership;
use causeway_store::timeline::{Listed, list_rooms};
use ruma::{RoomId, UserId};
use serde::{Deserialize, Serialize};

use super::{ReadError, Reader};

/// Rooms that a restricted join rule names and that are looked at, at most.
pub(super) const MAX_ALLOWED_ROOMS: usize = 50;

/// A room as people outside see it, in the form of the specification.
#[derive(Debug, Clone, Serialize)]
pub struct SummaryBody {
    /// The room.
    pub room_id: String,
    /// The room's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the room is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Its main alias.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canonical_alias: Option<String>,
    /// Its picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// Members who have joined.
    pub num_joined_members: i32,
    /// Who may join.
    pub join_rule: String,
    /// Whether its history is open to everybody.
    pub world_readable: bool,
    /// Whether guests may join.
    pub guest_can_join: bool,
    /// Such as `m.space`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_type: Option<String>,
    /// Rooms whose members may join, where the join rule is a restricted one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_room_ids: Vec<String>,
    /// The algorithm of its encryption.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<String>,
    /// The room version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_version: Option<String>,
}

/// A summary with what the room is to the one who asks.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// What everybody is told.
    #[serde(flatten)]
    pub body: SummaryBody,
    /// The asker's membership.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub membership: Option<&'static str>,
}

#[derive(Deserialize)]
struct StateEvent {
    r#type: String,
    content: serde_json::Value,
}

impl SummaryBody {
    /// Reads the describing state of a room. What is malformed counts as absent.
    pub(super) fn of(listed: &Listed) -> Self {
        let mut body = Self {
            room_id: listed.room_id.clone(),
            name: None,
            topic: None,
            canonical_alias: None,
            avatar_url: None,
            num_joined_members: listed.joined_members,
            join_rule: "invite".to_owned(),
            world_readable: false,
            guest_can_join: false,
            room_type: None,
            allowed_room_ids: Vec::new(),
            encryption: None,
            room_version: Some(listed.version.clone()),
        };
        for json in &listed.state {
            if let Ok(event) = serde_json::from_str::<StateEvent>(json) {
                body.take(&event);
            }
        }
        body
    }

    fn take(&mut self, event: &StateEvent) {
        let text = |field: &str| {
            let text = event.content.get(field)?.as_str()?;
            (!text.is_empty()).then(|| text.to_owned())
        };
        match event.r#type.as_str() {
            "m.room.create" => self.room_type = text("type"),
            "m.room.name" => self.name = text("name"),
            "m.room.topic" => self.topic = text("topic"),
            "m.room.canonical_alias" => self.canonical_alias = text("alias"),
            "m.room.avatar" => self.avatar_url = text("url"),
            "m.room.encryption" => self.encryption = text("algorithm"),
            "m.room.guest_access" => {
                self.guest_can_join = text("guest_access").as_deref() == Some("can_join");
            }
            "m.room.history_visibility" => {
                self.world_readable =
                    text("history_visibility").as_deref() == Some("world_readable");
            }
            "m.room.join_rules" => {
                self.join_rule = text("join_rule").unwrap_or_else(|| "invite".to_owned());
                if self.is_restricted() {
                    self.allowed_room_ids = allowed_rooms(&event.content);
                }
            }
            _ => {}
        }
    }

    fn is_restricted(&self) -> bool {
        matches!(self.join_rule.as_str(), "restricted" | "knock_restricted")
    }

    /// Whether anybody may know of the room.
    pub(super) fn is_open(&self) -> bool {
        self.world_readable
            || matches!(
                self.join_rule.as_str(),
                "public" | "knock" | "knock_restricted"
            )
    }
}

fn allowed_rooms(content: &serde_json::Value) -> Vec<String> {
    let conditions = content.get("allow").and_then(|allow| allow.as_array());
    conditions
        .into_iter()
        .flatten()
        .filter(|condition| {
            condition.get("type").and_then(|kind| kind.as_str()) == Some("m.room_membership")
        })
        .filter_map(|condition| condition.get("room_id")?.as_str())
        .filter(|room| <&RoomId>::try_from(*room).is_ok())
        .map(str::to_owned)
        .take(MAX_ALLOWED_ROOMS)
        .collect()
}

/// Whether the user may know of a room, without looking at restricted join rules.
pub(super) fn may_know(listed: &Listed, body: &SummaryBody) -> bool {
    body.is_open()
        || matches!(
            listed.membership,
            Some(Membership::Join | Membership::Invite)
        )
}

impl Reader {
    /// A room's summary, for whoever may know of the room (client-server,
    /// `GET /room_summary/{roomIdOrAlias}`). Two queries at most.
    ///
    /// # Errors
    /// [`ReadError::RoomNotFound`] for everybody else.
    pub async fn summary(
        &self,
        room_id: &RoomId,
        user: Option<&UserId>,
    ) -> Result<Summary, ReadError> {
        let rooms = list_rooms(&self.store, &[room_id.as_str()], user).await?;
        let listed = rooms.first().ok_or(ReadError::RoomNotFound)?;
        let body = SummaryBody::of(listed);
        let is_known = may_know(listed, &body)
            || match user {
                Some(user) => self.is_in_any(&body.allowed_room_ids, user).await?,
                None => false,
            };
        if !is_known {
            return Err(ReadError::RoomNotFound);
        }
        Ok(Summary {
            body,
            membership: user
                .map(|_| listed.membership.unwrap_or(Membership::Leave))
                .map(Membership::word),
        })
    }

    async fn is_in_any(&self, rooms: &[String], user: &UserId) -> Result<bool, StoreError> {
        if rooms.is_empty() {
            return Ok(false);
        }
        let ids: Vec<&str> = rooms.iter().map(String::as_str).collect();
        let rooms = list_rooms(&self.store, &ids, Some(user)).await?;
        Ok(rooms
            .iter()
            .any(|room| room.membership == Some(Membership::Join)))
    }
}
