//! The whole router of a server.

use axum::Router;
use axum::routing::MethodFilter;

use super::record::Access;
use super::state::AppState;
use super::{health, metrics};
use crate::client;

/// All routes, ready to answer. What looks into the server itself stands here; the client API has
/// its own page, [`client::router`].
pub fn build(state: &AppState) -> Router {
    client::router::routes()
        .at(MethodFilter::GET, "/health", Access::USERS, health::ready)
        .at(
            MethodFilter::GET,
            "/health/ready",
            Access::USERS,
            health::ready,
        )
        .at(
            MethodFilter::GET,
            "/health/live",
            Access::USERS,
            health::live,
        )
        .at(MethodFilter::GET, "/metrics", Access::USERS, metrics::show)
        .into_router()
        .with_state(state.clone())
}
