//! How far users have read.

mod set;
mod set_markers;

pub use set::set;
pub use set_markers::set_markers;
