//! Rooms as the write path needs them: heads, current state, members, single events, aliases.

mod aliases;
pub mod delayed;
mod events;
mod heads;
mod members;
mod people;
mod receipts;
mod relations;

pub use aliases::{Alias, create_alias, delete_alias, find_alias, list_aliases, move_aliases};
pub use events::{
    EventRow, find_by_nid, find_event, find_events, find_room_of_event, find_transaction,
};
pub use heads::{RoomRow, StateRow, find_room, load_current_state, set_published};
pub use members::{MemberRow, MutualRooms, find_members, forget, list_mutual_rooms, list_rooms_of};
pub use people::{
    Face, has_joined_any, list_banned, list_faces, list_invite_permissions, list_joined_local,
};
pub use receipts::{StandingReceipt, find_receipts};
pub use relations::list_annotations;
