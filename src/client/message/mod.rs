//! Sending, redacting and reading events.

mod context;
mod event;
mod list;
mod near;
mod redact;
mod send;

pub use context::context;
pub use event::event;
pub use list::list;
pub use near::near;
pub use redact::redact;
pub use send::send;
