//! Rooms' states, members and places in the directory.

mod aliases;
mod get;
mod initial_sync;
mod joined_members;
mod joined_rooms;
mod list;
mod members;
mod mutual_rooms;
mod public_rooms;

pub use aliases::aliases;
pub use get::get;
pub use initial_sync::initial_sync;
pub use joined_members::joined_members;
pub use joined_rooms::joined_rooms;
pub use list::list;
pub use members::members;
pub use mutual_rooms::mutual_rooms;
pub use public_rooms::{public_rooms, public_rooms_filtered};
