//! The routes of logins by identity providers.

use axum::routing::MethodFilter;

use super::{callback, desk, redirect};
use crate::server::rate_limit::Action;
use crate::server::record::Access;
use crate::server::routes::Routes;
use crate::server::state::AppState;

/// Adds them.
pub fn add(routes: Routes<AppState>) -> Routes<AppState> {
    let login = Access::USERS.limited(Action::Login);
    routes
        .ruma(login, redirect::to_any)
        .ruma(login, redirect::to_one)
        // Who comes back has been counted when they set out, and comes once.
        .at(
            MethodFilter::GET,
            desk::CALLBACK,
            Access::USERS,
            callback::callback,
        )
}
