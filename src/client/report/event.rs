use axum::extract::State;
use causeway_users::Users;
use ruma::api::client::room::report_content::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/rooms/{roomId}/report/{eventId}`
pub async fn event(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let (room, event) = (&request.room_id, &request.event_id);
    users
        .report_event(&session.user_id, room, event, request.reason.as_deref())
        .await?;
    Ok(Answer(Response::new()))
}
