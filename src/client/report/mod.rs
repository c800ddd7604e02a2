//! Reports to the moderators of this server.

mod event;
mod room;
mod user;

pub use event::event;
pub use room::room;
pub use user::user;
