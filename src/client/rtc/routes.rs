//! Where they are reached.

use axum::routing::MethodFilter;

use crate::server::record::Access;
use crate::server::routes::Routes;
use crate::server::state::AppState;

const PATHS: [&str; 2] = [
    "/_matrix/client/v1/rtc/transports",
    "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports",
];

/// Adds them.
pub fn add(routes: Routes<AppState>) -> Routes<AppState> {
    PATHS.into_iter().fold(routes, |routes, path| {
        routes.at(MethodFilter::GET, path, Access::GUESTS, super::transports)
    })
}
