//! Where delayed events are reached. The proposal is accepted, but no version of the specification
//! has it yet, so its paths are the unstable ones. Guests take part in calls, too.

use axum::routing::MethodFilter;

use crate::server::rate_limit::Action;
use crate::server::record::Access;
use crate::server::routes::Routes;
use crate::server::state::AppState;

const PREFIX: &str = "/_matrix/client/unstable/org.matrix.msc4140";

/// Adds them.
pub fn add(routes: Routes<AppState>) -> Routes<AppState> {
    let sending = Access::GUESTS.taking_part().limited(Action::Send);
    let schedule = format!("{PREFIX}/rooms/{{room_id}}/delayed_event/{{event_type}}/{{txn_id}}");
    let all = format!("{PREFIX}/delayed_events");
    let one = format!("{all}/{{delay_id}}");
    let act = format!("{one}/{{action}}");
    routes
        .at(MethodFilter::PUT, &schedule, sending, super::schedule)
        .at(MethodFilter::GET, &all, Access::GUESTS, super::list)
        .at(MethodFilter::GET, &one, Access::GUESTS, super::get)
        .at(MethodFilter::POST, &one, sending, super::act_of_body)
        .at(MethodFilter::POST, &act, sending, super::act)
}
