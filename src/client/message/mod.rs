//! Sending and redacting events.

mod redact;
mod send;

pub use redact::redact;
pub use send::send;
