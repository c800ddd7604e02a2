//! All routes of the client API, on one page.
//!
//! `.ruma(access, handler)` serves an endpoint at all its paths. `USERS` are those with an account,
//! `GUESTS` lets guests in too (client-server API, "Guest access"); `.limited(Action::Send)` counts
//! the request against a rate limit. Who speaks is proved by the handler's `Session` argument.

use crate::server::routes::Routes;
use crate::server::state::AppState;

/// The endpoints of the client API.
pub fn routes() -> Routes<AppState> {
    Routes::default()
}
