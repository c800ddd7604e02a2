//! Integers that travel, each as a type of its own.

use serde::{Deserialize, Serialize};

macro_rules! newtype {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

newtype! {
    /// A place in the log: dense, starting at 1, in commit order. 0 is before everything.
    Position(i64)
}
newtype! {
    /// A room, as this database numbers it. 0 stands for "no room" (global account data).
    RoomNid(i64)
}
newtype! {
    /// An event, as this database numbers it. Unique in the database.
    EventNid(i64)
}
newtype! {
    /// A `(type, state_key)` pair, as this database numbers it.
    KeyNid(i32)
}

/// The root of a state: the state on a room's `line` after `step` changes.
///
/// Compared for equality only; two different roots may hold the same entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StateRef {
    /// The line within the room.
    pub line: i32,
    /// The number of changes on the line; 0 is the state of the line's parent.
    pub step: i32,
}

/// A place in a room's order (see `migrations/0002_rooms.sql`): live events stand at
/// `(log position, 0)`, history that was fetched later at `(position of what it leads to, -n)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomPlace {
    /// The log position that the place hangs on.
    pub anchor: i64,
    /// 0 for live events, negative for events that stand before the anchor.
    pub offset: i32,
}

impl RoomPlace {
    /// The place of the live event at `position`.
    pub fn live(position: Position) -> Self {
        Self {
            anchor: position.0,
            offset: 0,
        }
    }
}
