//! Who is there.

mod get;
mod set;

pub use get::get;
pub use set::set;
