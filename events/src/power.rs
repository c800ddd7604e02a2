//! Power levels as a room has them, in every version (client-server, `m.room.power_levels`).

use std::collections::HashMap;

use ruma::UserId;
use ruma::serde::deserialize_v1_powerlevel;
use serde::Deserialize;
use serde_json::Value;

use crate::pdu::Pdu;
use crate::version::RoomVersion;

/// How much power a user has. Creators of rooms of version 12 have more than any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A number of the power levels event, or a default.
    Int(i64),
    /// A creator, since version 12.
    Infinite,
}

impl Level {
    /// Whether this is enough where `needed` is asked for.
    pub fn reaches(self, needed: i64) -> bool {
        self >= Self::Int(needed)
    }

    /// The level as a number: an infinite one is the largest integer of JSON.
    pub fn as_int(self) -> i64 {
        match self {
            Self::Int(level) => level,
            Self::Infinite => crate::canonical::MAX_INT,
        }
    }
}

/// The content of `m.room.power_levels`, whatever of it can be read.
#[derive(Debug, Default)]
pub(crate) struct PowerContent {
    users: HashMap<String, i64>,
    events: HashMap<String, i64>,
    notifications: HashMap<String, i64>,
    users_default: Option<i64>,
    events_default: Option<i64>,
    state_default: Option<i64>,
    ban: Option<i64>,
    kick: Option<i64>,
    redact: Option<i64>,
    invite: Option<i64>,
    /// Something had the wrong type and was passed over.
    pub(crate) malformed: bool,
}

impl PowerContent {
    pub(crate) fn read(version: RoomVersion, content: &str) -> Self {
        let mut read = Self::default();
        let Ok(Value::Object(fields)) = serde_json::from_str(content) else {
            read.malformed = true;
            return read;
        };
        let strict = version.rules().authorization.integer_power_levels;
        let mut numbers = Numbers {
            strict,
            malformed: false,
        };
        for (field, value) in &fields {
            match field.as_str() {
                "users" => read.users = numbers.map(value, is_user_id),
                "events" => read.events = numbers.map(value, |_| true),
                "notifications" => read.notifications = numbers.map(value, |_| true),
                "users_default" => read.users_default = numbers.one(value),
                "events_default" => read.events_default = numbers.one(value),
                "state_default" => read.state_default = numbers.one(value),
                "ban" => read.ban = numbers.one(value),
                "kick" => read.kick = numbers.one(value),
                "redact" => read.redact = numbers.one(value),
                "invite" => read.invite = numbers.one(value),
                _ => {}
            }
        }
        read.malformed = numbers.malformed;
        read
    }
}

fn is_user_id(key: &str) -> bool {
    <&UserId>::try_from(key).is_ok()
}

/// Reads levels, and remembers whether one was none.
struct Numbers {
    /// Only integers count; before version 10, strings that hold one do too.
    strict: bool,
    malformed: bool,
}

impl Numbers {
    fn one(&mut self, value: &Value) -> Option<i64> {
        let level = if self.strict {
            ruma::Int::deserialize(value).ok()
        } else {
            deserialize_v1_powerlevel(value).ok()
        };
        self.malformed |= level.is_none();
        level.map(i64::from)
    }

    fn map(&mut self, value: &Value, is_key: impl Fn(&str) -> bool) -> HashMap<String, i64> {
        let Value::Object(entries) = value else {
            self.malformed = true;
            return HashMap::new();
        };
        let mut map = HashMap::with_capacity(entries.len());
        for (key, value) in entries {
            self.malformed |= !is_key(key);
            if let Some(level) = self.one(value)
                && is_key(key)
            {
                map.insert(key.clone(), level);
            }
        }
        map
    }
}

/// What everybody in a room may do.
#[derive(Debug, Clone)]
pub struct PowerLevels {
    levels: Option<Pdu>,
    creators: Vec<String>,
    creators_infinite: bool,
}

impl PowerLevels {
    /// From the room's `m.room.create` and `m.room.power_levels`. The content is read once per
    /// event, however often this is called.
    pub fn read(version: RoomVersion, create: Option<&Pdu>, power_levels: Option<&Pdu>) -> Self {
        Self {
            levels: power_levels.cloned(),
            creators: create
                .map(|create| creators(version, create))
                .unwrap_or_default(),
            creators_infinite: version
                .rules()
                .authorization
                .explicitly_privilege_room_creators,
        }
    }

    /// The same, asking `state` for the two events.
    pub fn of_state(version: RoomVersion, state: impl Fn(&str, &str) -> Option<Pdu>) -> Self {
        let create = state("m.room.create", "");
        let power_levels = state("m.room.power_levels", "");
        Self::read(version, create.as_ref(), power_levels.as_ref())
    }

    /// The room's creators: one before version 12, perhaps more since.
    pub fn creators(&self) -> &[String] {
        &self.creators
    }

    /// The user's power.
    pub fn user(&self, user_id: &UserId) -> Level {
        let is_creator = || {
            self.creators
                .iter()
                .any(|creator| creator == user_id.as_str())
        };
        if self.creators_infinite && is_creator() {
            return Level::Infinite;
        }
        match self.content() {
            Some(content) => Level::Int(
                content
                    .users
                    .get(user_id.as_str())
                    .copied()
                    .or(content.users_default)
                    .unwrap_or(0),
            ),
            None if is_creator() => Level::Int(100),
            None => Level::Int(0),
        }
    }

    /// What sending an event of this type takes.
    pub fn for_event(&self, event_type: &str, is_state: bool) -> i64 {
        let content = self.content();
        let named = content.and_then(|content| content.events.get(event_type).copied());
        named.unwrap_or_else(|| {
            if is_state {
                content
                    .and_then(|content| content.state_default)
                    .unwrap_or(50)
            } else {
                content
                    .and_then(|content| content.events_default)
                    .unwrap_or(0)
            }
        })
    }

    /// What inviting takes.
    pub fn invite(&self) -> i64 {
        self.content()
            .and_then(|content| content.invite)
            .unwrap_or(0)
    }

    /// What removing a user takes.
    pub fn kick(&self) -> i64 {
        self.content()
            .and_then(|content| content.kick)
            .unwrap_or(50)
    }

    /// What banning takes.
    pub fn ban(&self) -> i64 {
        self.content().and_then(|content| content.ban).unwrap_or(50)
    }

    /// What redacting the events of others takes.
    pub fn redact(&self) -> i64 {
        self.content()
            .and_then(|content| content.redact)
            .unwrap_or(50)
    }

    /// What a notification of the whole room (`room`), or another kind of it, takes.
    pub fn notification(&self, key: &str) -> i64 {
        let content = self.content();
        content
            .and_then(|content| content.notifications.get(key).copied())
            .unwrap_or(50)
    }

    /// Whether the user may send events of this type.
    pub fn may_send(&self, user_id: &UserId, event_type: &str, is_state: bool) -> bool {
        self.user(user_id)
            .reaches(self.for_event(event_type, is_state))
    }

    /// Whether something in the content had the wrong type. Such a room refuses most events; the
    /// readings here pass over the entry.
    pub fn is_malformed(&self) -> bool {
        self.content().is_some_and(|content| content.malformed)
    }

    /// Users whom these levels name and who have less in `other`.
    pub(crate) fn users_above(&self, other: &Self) -> Vec<String> {
        let users = self
            .content()
            .into_iter()
            .flat_map(|content| content.users.keys());
        let less = users.filter(|user| {
            let Ok(user) = <&UserId>::try_from(user.as_str()) else {
                return false;
            };
            other.user(user) < self.user(user)
        });
        less.cloned().collect()
    }

    fn content(&self) -> Option<&PowerContent> {
        self.levels.as_ref().map(Pdu::power_content)
    }
}

/// The creators that a create event names: its sender (the field `creator` before version 11)
/// and, since version 12, the additional ones.
pub fn creators(version: RoomVersion, create: &Pdu) -> Vec<String> {
    #[derive(Deserialize)]
    struct Creator {
        creator: String,
    }
    #[derive(Deserialize)]
    struct Additional {
        #[serde(default)]
        additional_creators: Vec<String>,
    }
    let rules = &version.rules().authorization;
    if !rules.use_room_create_sender {
        return create
            .content_as::<Creator>()
            .map(|c| vec![c.creator])
            .unwrap_or_default();
    }
    let mut creators = vec![create.sender().to_string()];
    if rules.additional_room_creators
        && let Ok(content) = create.content_as::<Additional>()
    {
        creators.extend(content.additional_creators);
    }
    creators
}
