//! User-interactive authentication: some requests are answered only after stages were passed,
//! which the client learns from a 401 with the flows to choose from.
//! Specification: client-server API, "User-Interactive Authentication API".
//!
//! [`Flows`] decides what is complete, without touching anything; [`Users::authenticate_for`]
//! checks the stage that a client sends and keeps the session in between.

mod check;
mod flows;

pub use check::{OnPage, PageVerdict, UiaError};
pub use flows::{Challenge, Flows, Stage};

use ruma::UserId;
use serde_json::Value;

/// What somebody must be authenticated for.
#[derive(Clone, Debug)]
pub struct Purpose<'a> {
    /// What is to be done, with its target (`delete_device ABC`). A session that was begun for
    /// one action does not serve another.
    pub action: &'a str,
    /// Who asks; none where there is no account yet.
    pub user_id: Option<&'a UserId>,
    /// The flows, one of which must be passed.
    pub flows: Flows,
    /// What is kept of the request for clients that send only `auth` the next time. An object.
    pub request: Value,
}

/// Whether somebody was authenticated.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// They were.
    Passed(Passed),
    /// A stage is to be passed; this is the body of the 401 that says so.
    Challenged(Challenge),
}

/// What came out of stages that were passed.
#[derive(Clone, Debug)]
pub struct Passed {
    /// The session, if there was one: a single stage needs none.
    pub session_id: Option<String>,
    /// What the stages proved. An object.
    pub proofs: Value,
    /// What was kept of the first request of the session.
    pub first_request: Option<Value>,
}

#[cfg(doc)]
use crate::Users;

#[cfg(test)]
#[path = "flows_test.rs"]
mod flows_test;
