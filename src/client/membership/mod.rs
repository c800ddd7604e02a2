//! Who is in a room: joining, leaving, inviting, removing.

mod ban;
mod forget;
mod invite;
mod join;
mod join_by_id;
mod kick;
mod knock;
mod leave;
mod unban;

pub use ban::ban;
pub use forget::forget;
pub use invite::invite;
pub use join::join;
pub use join_by_id::join_by_id;
pub use kick::kick;
pub use knock::knock;
pub use leave::leave;
pub use unban::unban;
