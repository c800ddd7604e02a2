//! Single questions: whose profile, which room.

mod directory;
mod profile;

pub(crate) use directory::directory;
pub(crate) use profile::profile;
