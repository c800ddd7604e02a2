//! Events that relate to others, and threads.

mod list;
mod threads;

pub use list::{list, list_of_kind, list_of_kind_and_type};
pub use threads::threads;
