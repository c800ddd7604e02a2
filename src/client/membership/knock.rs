use axum::extract::State;
use causeway_rooms::Rooms;
use causeway_rooms::actions::Knock;
use ruma::api::client::knock::knock_room::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/knock/{roomIdOrAlias}`.
pub async fn knock(
    State(rooms): State<Rooms>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let room = rooms.resolve(&request.room_id_or_alias).await?;
    let room_id = rooms
        .knock(Knock {
            room,
            user: session.user_id,
            reason: request.reason,
        })
        .await?;
    Ok(Answer(Response::new(room_id)))
}
