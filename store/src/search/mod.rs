//! Full-text search: what its reader of the log reads and writes, and how words are found.
//!
//! What is kept stands in `migrations/0035_search.sql`. Start reading at [`Filling`] (the reader's
//! side), then [`find`].

mod around;
mod fill;
mod find;
mod languages;
mod rooms;

pub use self::around::{Near, Side, around, find_rows};
pub use self::fill::{Filling, LoggedText, TYPES, Target, Words, load_positions};
pub use self::find::{
    Bound, Found, FoundPage, Order, RelationFilter, SearchQuery, find, highlights, parse_term,
};
pub use self::languages::{MAX_LANGUAGES, unknown_languages};
pub use self::rooms::{SearchedRoom, searched_rooms, states_of};

/// The name of the reader among the log's.
pub(crate) const READER: &str = "search";

/// What of an event can be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Key {
    /// `content.body` of `m.room.message`.
    Body = 1,
    /// `content.name` of `m.room.name`.
    Name = 2,
    /// `content.topic` of `m.room.topic`.
    Topic = 3,
}

impl Key {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Body, Self::Name, Self::Topic];

    /// The type of the events that have it.
    pub fn event_type(self) -> &'static str {
        match self {
            Self::Body => "m.room.message",
            Self::Name => "m.room.name",
            Self::Topic => "m.room.topic",
        }
    }

    /// As clients write it.
    pub fn path(self) -> &'static str {
        match self {
            Self::Body => "content.body",
            Self::Name => "content.name",
            Self::Topic => "content.topic",
        }
    }
}
