//! Making rooms, and replacing them.

mod create;
mod upgrade;

pub use create::create;
pub use upgrade::upgrade;
