//! A room in which one thing follows another.

use causeway_events::RoomVersion;
use serde_json::{Value, json};

use super::{Nid, Room, user};

pub fn versions(range: std::ops::RangeInclusive<usize>) -> Vec<RoomVersion> {
    RoomVersion::all()
        .skip(range.start() - 1)
        .take(range.end() - range.start() + 1)
        .collect()
}

/// A room in which events are added one after another.
pub struct Talk {
    pub room: Room,
    pub last: Nid,
}

impl Talk {
    pub fn new(version: RoomVersion) -> Self {
        Self {
            room: Room::new(version),
            last: 3,
        }
    }

    pub fn created(version: RoomVersion, create: Value) -> Self {
        Self {
            room: Room::created(version, create),
            last: 1,
        }
    }

    pub fn send(&mut self, who: usize, kind: &str, key: Option<&str>, content: Value) -> bool {
        let added = self.room.add(&[self.last], who, kind, key, content);
        if let Ok(number) = added {
            self.last = number;
        }
        added.is_ok()
    }

    pub fn state(&mut self, who: usize, kind: &str, content: Value) -> bool {
        self.send(who, kind, Some(""), content)
    }

    pub fn member(&mut self, who: usize, whom: usize, membership: &str) -> bool {
        self.send(
            who,
            "m.room.member",
            Some(user(whom).as_str()),
            json!({"membership": membership}),
        )
    }

    pub fn message(&mut self, who: usize) -> bool {
        self.send(who, "m.room.message", None, json!({"body": "x"}))
    }

    pub fn join_rule(&mut self, rule: &str) -> bool {
        self.state(0, "m.room.join_rules", json!({"join_rule": rule}))
    }

    /// Levels as user 0 would set them: `users` besides the creator.
    pub fn levels(&mut self, who: usize, users: Value, more: Value) -> bool {
        let mut content = more;
        content["users"] = users;
        if !self.room.version.room_id_is_create_hash() {
            content["users"][user(0).as_str()] = 100.into();
        }
        self.state(who, "m.room.power_levels", content)
    }
}
