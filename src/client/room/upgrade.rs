use axum::extract::State;
use causeway_rooms::Rooms;
use causeway_rooms::actions::Upgrade;
use ruma::api::client::room::upgrade_room::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/rooms/{roomId}/upgrade`.
pub async fn upgrade(
    State(rooms): State<Rooms>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let replacement = rooms
        .upgrade(Upgrade {
            room: request.room_id,
            user: session.user_id,
            version: request.new_version,
            additional_creators: request.additional_creators,
        })
        .await?;
    Ok(Answer(Response::new(replacement)))
}
