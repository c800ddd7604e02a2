use std::sync::Arc;

use axum::extract::State;
use ruma::api::client::discovery::get_supported_versions::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::Ruma;
use crate::config::Settings;

/// The versions whose endpoints are served. A version stands here once clients that rely on it
/// find what it added; it is no claim that every optional module is there.
const VERSIONS: &[&str] = &[
    "v1.1", "v1.2", "v1.3", "v1.4", "v1.5", "v1.6", "v1.7", "v1.8", "v1.9", "v1.10", "v1.11",
    "v1.12", "v1.13", "v1.14", "v1.15", "v1.16",
];

/// Unstable features that work.
const UNSTABLE_FEATURES: &[&str] = &[
    // `use_state_after` of `/sync` by its name as a proposal
    "org.matrix.msc4222",
    // `/mutual_rooms` at its path in the specification
    "uk.half-shot.msc2666.query_mutual_rooms.stable",
    // locking and suspending accounts
    "uk.timedout.msc4323",
    // `rel_types` and `not_rel_types` of filters of events
    "org.matrix.msc3874",
    // `recurse` of relations by its name as a proposal
    "org.matrix.msc3981",
    // deletion of account data
    "org.matrix.msc3391",
    // delayed events
    "org.matrix.msc4140",
    // invites that are refused or hidden: all, or by lists of users and servers
    "org.matrix.msc4380",
    "org.matrix.msc4380.stable",
    "org.matrix.msc4155",
    // dehydrated devices
    "org.matrix.msc3814",
];

/// The rule that pushes all encrypted events (MSC4028): served where the operator wants it.
const PUSH_ENCRYPTED_EVENTS: &str = "org.matrix.msc4028";

/// `/rtc/transports` (MSC4143): said where there are transports.
const RTC_TRANSPORTS: &str = "org.matrix.msc4143";

/// `GET /_matrix/client/versions`.
pub async fn get(
    State(settings): State<Arc<Settings>>,
    _: Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let mut response = Response::new(VERSIONS.iter().map(|&version| version.to_owned()).collect());
    response.unstable_features = UNSTABLE_FEATURES
        .iter()
        .map(|&feature| (feature.to_owned(), true))
        .collect();
    if !settings.rtc.livekit_service_urls.is_empty() {
        let feature = (RTC_TRANSPORTS.to_owned(), true);
        response.unstable_features.extend([feature]);
    }
    if settings.push.encrypted_events {
        let feature = (PUSH_ENCRYPTED_EVENTS.to_owned(), true);
        response.unstable_features.extend([feature]);
    }
    Ok(Answer(response))
}
