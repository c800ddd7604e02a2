//! The first events of a room.

use causeway_events::{Draft, RoomVersion};
use causeway_store::AppendError;
use ruma::{OwnedRoomId, RoomId, UserId};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::draft::{Content, raw};
use crate::{Rooms, WriteError};

/// Attempts at a room id that is not taken.
const ROOM_ID_ATTEMPTS: u32 = 8;

/// State that a new room has from the start.
#[derive(Debug, Clone, Deserialize)]
pub struct InitialState {
    /// The event's type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The state key; empty where a client gives none.
    #[serde(default)]
    pub state_key: String,
    /// The content, a JSON object.
    pub content: Box<RawValue>,
}

impl InitialState {
    /// State with an empty key.
    pub(crate) fn new(event_type: &str, content: &Content) -> Result<Self, WriteError> {
        Self::keyed(event_type, "", content)
    }

    pub(crate) fn keyed(
        event_type: &str,
        state_key: &str,
        content: &Content,
    ) -> Result<Self, WriteError> {
        Ok(Self {
            event_type: event_type.to_owned(),
            state_key: state_key.to_owned(),
            content: raw(content)?,
        })
    }

    /// Whether it is the state of this type with an empty key.
    pub(crate) fn is(&self, event_type: &str) -> bool {
        self.event_type == event_type && self.state_key.is_empty()
    }
}

impl Rooms {
    /// Drafts of state that one user sets.
    pub(crate) fn drafts(&self, sender: &UserId, state: &[InitialState]) -> Vec<Draft> {
        let draft = |state: &InitialState| {
            let content = state.content.clone();
            self.state_event(&*state.event_type, &*state.state_key, sender, content)
        };
        state.iter().map(draft).collect()
    }

    /// Makes a room of its first state, the create event first, all of it sent by the creator.
    pub(crate) async fn make_room(
        &self,
        version: RoomVersion,
        creator: &UserId,
        state: &[InitialState],
    ) -> Result<OwnedRoomId, WriteError> {
        let mut drafts = self.drafts(creator, state);
        for _ in 0..ROOM_ID_ATTEMPTS {
            if let Some(create) = drafts.first_mut() {
                create.origin_ts_ms = self.creation_ms();
            }
            let derived = version.room_id_is_create_hash();
            let room_id = (!derived).then(|| RoomId::new_v1(self.server_name()));
            match self.append_new(version, room_id, drafts.clone()).await {
                Err(WriteError::Append(AppendError::Conflict(_))) => {}
                Err(error) => return Err(error),
                Ok((room_id, _)) => return Ok(room_id),
            }
        }
        Err(WriteError::Busy)
    }

    /// Now, and later than the room before: since version 12 two equal rooms of one user in one
    /// millisecond would be one room.
    fn creation_ms(&self) -> u64 {
        let mut last = self.parts().last_creation_ms.lock();
        *last = self.parts().clock.now_ms().max(*last + 1);
        *last
    }
}

/// What the creator of a room may do, and everybody else (client-server, `POST /createRoom`).
pub(crate) fn default_power_levels(version: RoomVersion, creator: &UserId) -> Content {
    let authorization = &version.rules().authorization;
    let creators_are_infinite = authorization.explicitly_privilege_room_creators;
    // A room of version 12 is ended by its creators, or by who is given that power expressly.
    let tombstone = if creators_are_infinite { 150 } else { 100 };
    let levels = json!({
        "users_default": 0,
        "events_default": 0,
        "state_default": 50,
        "ban": 50,
        "kick": 50,
        "redact": 50,
        "invite": 50,
        "historical": 100,
        "events": {
            "m.room.name": 50,
            "m.room.avatar": 50,
            "m.room.canonical_alias": 50,
            "m.room.history_visibility": 100,
            "m.room.power_levels": 100,
            "m.room.encryption": 100,
            "m.room.server_acl": 100,
            "m.room.tombstone": tombstone,
        },
        "notifications": { "room": 50 },
        "users": {},
    });
    let mut levels = match levels {
        serde_json::Value::Object(levels) => levels,
        _ => Content::new(),
    };
    if !creators_are_infinite {
        levels.insert("users".to_owned(), json!({ creator.as_str(): 100 }));
    }
    levels
}

/// A topic in both its forms (client-server, `m.room.topic`).
pub(crate) fn topic_content(topic: &str) -> Content {
    let mut content = Content::new();
    content.insert("topic".to_owned(), json!(topic));
    content.insert(
        "m.topic".to_owned(),
        json!({ "m.text": [{ "body": topic }] }),
    );
    content
}

/// A content with one field.
pub(crate) fn single(field: &str, value: impl Into<serde_json::Value>) -> Content {
    let mut content = Content::new();
    content.insert(field.to_owned(), value.into());
    content
}
