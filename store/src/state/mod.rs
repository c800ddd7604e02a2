//! States that share what they have in common.
//!
//! A room's states lie on lines. A line is a sequence of states that differ by one entry each,
//! and starts from a state of its parent line or from nothing. So a state event costs one row
//! (`state_changes`), one entry of any state is a few index look-ups ([`find_entry`]), and a whole
//! state is a packed checkpoint and the changes after it ([`load`]).

mod checkpoint;
mod collect;
mod keeper;
mod keys;
mod load;
mod pack;

pub use checkpoint::write_checkpoint;
pub use collect::collect;
pub use keeper::keep;
pub use keys::StateKeys;
pub use load::{diff, find_entries, find_entry, load};
