//! The published rooms of this server.

mod public_rooms;
mod public_rooms_filtered;

pub(crate) use public_rooms::public_rooms;
pub(crate) use public_rooms_filtered::public_rooms_filtered;
