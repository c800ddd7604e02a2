//! Journeys: real clients' ways through the whole house, against the real server in a process
//! of its own. Each request and each answer is held against the specification's schemas.

mod creating;
mod gaps;
mod history;
mod knocking;
mod membership;
mod people;
mod relations;
mod state;
mod sync;
mod visibility;
