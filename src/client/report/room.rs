use axum::extract::State;
use causeway_users::Users;
use ruma::api::client::room::report_room::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/rooms/{roomId}/report`
pub async fn room(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    users
        .report_room(&session.user_id, &request.room_id, Some(&request.reason))
        .await?;
    Ok(Answer(Response::new()))
}
