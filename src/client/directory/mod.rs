//! Aliases of rooms, and their place in this server's directory.

mod add_alias;
mod find_alias;
mod remove_alias;
mod set_visibility;
mod visibility;

pub use add_alias::add_alias;
pub use find_alias::find_alias;
pub use remove_alias::remove_alias;
pub use set_visibility::set_visibility;
pub use visibility::visibility;
