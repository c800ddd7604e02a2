use axum::extract::State;
use causeway_sync::{State as Presence, Sync};
use ruma::api::client::presence::set_presence::v3::{Request, Response};
use ruma::presence::PresenceState;

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// Longest status message, in bytes.
const MAX_STATUS_BYTES: usize = 4_096;

/// `PUT /_matrix/client/v3/presence/{userId}/status`
pub async fn set(
    State(sync): State<Sync>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    session.must_be(&request.user_id)?;
    let state = match request.presence {
        PresenceState::Online => Presence::Online,
        PresenceState::Unavailable => Presence::Unavailable,
        PresenceState::Offline => Presence::Offline,
        _ => return Err(ApiError::invalid_param("There is no such presence")),
    };
    let status = request.status_msg.filter(|message| !message.is_empty());
    if status
        .as_ref()
        .is_some_and(|message| message.len() > MAX_STATUS_BYTES)
    {
        return Err(ApiError::invalid_param("The status message is too long"));
    }
    sync.set_presence(&session.user_id, state, status).await?;
    Ok(Answer(Response::new()))
}
