//! Account data: global, of rooms, and tags, which are account data of a room.

pub mod global;
pub mod room;
pub mod tags;
