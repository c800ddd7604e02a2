//! The routes of pages for stages of authentication.

use axum::routing::MethodFilter;

use crate::server::rate_limit::Action;
use crate::server::record::Access;
use crate::server::routes::Routes;
use crate::server::state::AppState;

/// Adds them.
pub fn add(routes: Routes<AppState>) -> Routes<AppState> {
    let login = Access::USERS.limited(Action::Login);
    ["/_matrix/client/v3", "/_matrix/client/r0"]
        .into_iter()
        .fold(routes, |routes, prefix| {
            let path = format!("{prefix}/auth/{{auth_type}}/fallback/web");
            routes.at(MethodFilter::GET, &path, login, super::show).at(
                MethodFilter::POST,
                &path,
                login,
                super::submit,
            )
        })
}
