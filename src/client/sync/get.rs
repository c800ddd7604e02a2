use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use causeway_sync::{Filter, State as Presence, StateAt, Sync, SyncRequest};
use http::Uri;
use http::header::{CONTENT_TYPE, HeaderValue};
use ruma::UserId;
use ruma::api::client::sync::sync_events::v3::{Filter as FilterChoice, Request};
use ruma::presence::PresenceState;

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::parameters::InQuery;
use crate::client::room_json::FilterParameter;

/// `use_state_after`, as it was called while it was a proposal.
const UNSTABLE_STATE_AFTER: &str = "org.matrix.msc4222.use_state_after=true";

/// `GET /_matrix/client/v3/sync`. Everything about the request but what the wait needs is
/// dropped before it begins.
pub async fn get(
    State(sync): State<Sync>,
    session: Session,
    uri: Uri,
    InQuery(written): InQuery<FilterParameter>,
    Ruma(request): Ruma<Request>,
) -> Result<Response, ApiError> {
    let filter = filter(&sync, &session.user_id, request.filter, &written).await?;
    drop(written);
    let state_at = if request.use_state_after {
        StateAt::End
    } else if uri
        .query()
        .is_some_and(|query| query.contains(UNSTABLE_STATE_AFTER))
    {
        StateAt::EndUnstable
    } else {
        StateAt::Start
    };
    drop(uri);
    let timeout = request.timeout.unwrap_or_default();
    let request = SyncRequest {
        user_id: session.user_id,
        device_id: Some(session.device_id),
        since: request
            .since
            .map(|since| since.parse())
            .transpose()
            .map_err(|_| ApiError::invalid_param("`since` is not a token of this server"))?,
        filter,
        full_state: request.full_state,
        state_at,
        timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        set_presence: match request.set_presence {
            PresenceState::Offline => None,
            PresenceState::Unavailable => Some(Presence::Unavailable),
            _ => Some(Presence::Online),
        },
    };
    let mut response = Response::new(Body::from(sync.sync(request).await?));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}

async fn filter(
    sync: &Sync,
    user: &UserId,
    choice: Option<FilterChoice>,
    written: &FilterParameter,
) -> Result<Arc<Filter>, ApiError> {
    match choice {
        None => Ok(Arc::default()),
        // Read from its text: ruma's type leaves out what it says of relations.
        Some(FilterChoice::FilterDefinition(_)) => Filter::parse(written.text())
            .map(Arc::new)
            .map_err(|error| ApiError::invalid_param(format!("filter: {error}"))),
        Some(FilterChoice::FilterId(text)) if text.starts_with('{') => {
            Err(ApiError::invalid_param("The filter cannot be read"))
        }
        Some(FilterChoice::FilterId(id)) => {
            let number = id
                .parse()
                .map_err(|_| ApiError::invalid_param("There is no such filter"))?;
            Ok(sync.filter(user, number).await?)
        }
        Some(_) => Err(ApiError::invalid_param("The filter cannot be read")),
    }
}
