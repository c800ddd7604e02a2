//! Suspending and locking accounts, for administrators.

mod lock;
mod suspend;

pub use lock::{is_locked, lock};
pub use suspend::{is_suspended, suspend};
