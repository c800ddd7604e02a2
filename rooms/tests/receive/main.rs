//! Events of other servers, against a real database. The other servers are a model of a room in
//! memory, which the tests of the rule book hold against the definitions.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on says where it stopped"
)]

#[path = "../../../events/tests/sim/mod.rs"]
mod sim;
mod stand;

mod forks;
mod history;
mod imports;
mod outside;
mod property;
mod serving;
mod verdicts;
