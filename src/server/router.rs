//! The routers of a server.

use axum::Router;
use axum::routing::MethodFilter;

use super::record::Access;
use super::routes::{self, Routes};
use super::state::AppState;
use super::{health, metrics};
use crate::client;

/// All routes, ready to answer. What looks into the server itself stands here; the client API has
/// its own page, [`client::router`].
pub fn build(state: &AppState) -> Router {
    server_api(client::router::routes(), state)
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

/// The routes that other servers use, for a port of their own.
pub fn for_servers(state: &AppState) -> Router {
    server_api(Routes::default(), state)
        .at(
            MethodFilter::GET,
            USER_INFO,
            Access::USERS,
            client::openid::user_info,
        )
        .into_router()
        .with_state(state.clone())
}

/// Whose OpenID token this is. The answer stands with the client API.
const USER_INFO: &str = "/_matrix/federation/v1/openid/userinfo";

/// The routes of [`causeway_federation::router`].
fn server_api(routes: Routes<AppState>, state: &AppState) -> Routes<AppState> {
    let Some(federation) = &state.federation else {
        return routes;
    };
    let all = causeway_federation::router::routes(federation);
    all.into_iter().fold(routes, |routes, route| {
        let method = routes::method_filter(&route.method);
        let service = route.service.with_state::<AppState>(());
        routes.at(method, route.path, Access::USERS, service)
    })
}
