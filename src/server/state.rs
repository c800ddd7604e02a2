//! The parts of a running server, as handlers see them.

use axum::extract::FromRef;

use super::entrance::Entrance;
use crate::client::extract::Authenticator;

/// Everything a handler can ask for. A handler takes the part it needs, `State<Part>`, never the
/// whole.
#[derive(Clone)]
pub struct AppState {
    /// Limits and proxies.
    pub entrance: Entrance,
    /// Looks up access tokens.
    pub authenticator: Authenticator,
}

impl FromRef<AppState> for Entrance {
    fn from_ref(state: &AppState) -> Self {
        state.entrance.clone()
    }
}

impl FromRef<AppState> for Authenticator {
    fn from_ref(state: &AppState) -> Self {
        state.authenticator.clone()
    }
}
