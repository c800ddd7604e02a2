//! Searching what was said.

mod find;

pub use find::find;
