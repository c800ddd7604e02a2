//! Where subscriptions of threads are reached. The proposals are open, so their paths are the unstable
//! ones.

use axum::routing::MethodFilter;

use crate::server::rate_limit::Action;
use crate::server::record::Access;
use crate::server::routes::Routes;
use crate::server::state::AppState;

const ONE: &str =
    "/_matrix/client/unstable/io.element.msc4306/rooms/{room_id}/thread/{thread_root}/subscription";
const ALL: &str = "/_matrix/client/unstable/io.element.msc4308/thread_subscriptions";

/// Adds them.
pub fn add(routes: Routes<AppState>) -> Routes<AppState> {
    let changing = Access::USERS.limited(Action::Send);
    routes
        .at(MethodFilter::GET, ONE, Access::USERS, super::get)
        .at(MethodFilter::PUT, ONE, changing, super::subscribe)
        .at(MethodFilter::DELETE, ONE, changing, super::unsubscribe)
        .at(MethodFilter::GET, ALL, Access::USERS, super::list)
}
