use std::time::Duration;

use axum::extract::State;
use causeway_sync::Sync;
use ruma::api::client::presence::get_presence::v3::{Request, Response};
use ruma::presence::PresenceState;

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `GET /_matrix/client/v3/presence/{userId}/status`
pub async fn get(
    State(sync): State<Sync>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let presence = sync.presence(&session.user_id, &request.user_id).await?;
    let Some(presence) = presence else {
        // Whoever has never been heard of is not there.
        return Ok(Answer(Response::new(PresenceState::Offline)));
    };
    let now_ms = sync.now_ms();
    let mut response = Response::new(presence.state.as_str().into());
    response.currently_active = Some(presence.is_currently_active(now_ms));
    response.last_active_ago = Some(Duration::from_millis(presence.last_active_ago_ms(now_ms)));
    response.status_msg = presence.status_msg;
    Ok(Answer(response))
}
