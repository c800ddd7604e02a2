//! Who types.

mod set;

pub use set::set;
