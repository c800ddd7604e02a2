//! All routes of the client API, on one page.
//!
//! `.ruma(access, handler)` serves an endpoint at all its paths. `USERS` are those with an account,
//! `GUESTS` lets guests in too (client-server API, "Guest access"); `.limited(Action::Send)` counts
//! the request against a rate limit. Who speaks is proved by the handler's `Session` argument.

use axum::routing::MethodFilter;

use super::{capabilities, message, receipt, versions, well_known};
use crate::server::rate_limit::Action;
use crate::server::record::Access;
use crate::server::routes::Routes;
use crate::server::state::AppState;

const USERS: Access = Access::USERS;
const GUESTS: Access = Access::GUESTS;

/// The endpoints of the client API.
pub fn routes() -> Routes<AppState> {
    let routes = discovery(Routes::default());
    let routes = messages(routes);
    reading(routes)
}

fn discovery(routes: Routes<AppState>) -> Routes<AppState> {
    routes
        .ruma(GUESTS, versions::get)
        .ruma(GUESTS, capabilities::get)
        .ruma(USERS, well_known::client)
        .ruma(USERS, well_known::support)
        .at(
            MethodFilter::GET,
            "/.well-known/matrix/server",
            USERS,
            well_known::server,
        )
}

fn messages(routes: Routes<AppState>) -> Routes<AppState> {
    routes
        .ruma(GUESTS.limited(Action::Send), message::send)
        .ruma(USERS.limited(Action::Send), message::redact)
}

fn reading(routes: Routes<AppState>) -> Routes<AppState> {
    routes
        .ruma(USERS, receipt::set)
        .ruma(USERS, receipt::set_markers)
}
