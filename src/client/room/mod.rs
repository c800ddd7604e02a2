//! Making rooms, and replacing them.

mod create;

pub use create::create;
