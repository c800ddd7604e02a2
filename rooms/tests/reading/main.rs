//! Reading rooms, on a real database with rooms that were really written.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it should be"
)]

mod directory;
mod filters;
mod history;
mod house;
mod plans;
mod relations;
mod states;
mod visibility;
