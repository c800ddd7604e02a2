use axum::extract::State;
use causeway_sync::Sync;
use ruma::api::client::typing::create_typing_event::v3::{Request, Response, Typing};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `PUT /_matrix/client/v3/rooms/{roomId}/typing/{userId}`
pub async fn set(
    State(sync): State<Sync>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    session.must_be(&request.user_id)?;
    let timeout_ms = match request.state {
        Typing::Yes(info) => Some(u64::try_from(info.timeout.as_millis()).unwrap_or(u64::MAX)),
        Typing::No => None,
    };
    sync.set_typing(&request.room_id, &session.user_id, timeout_ms)
        .await?;
    Ok(Answer(Response::new()))
}
