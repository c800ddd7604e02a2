use axum::extract::State;
use causeway_rooms::Rooms;
use ruma::api::client::directory::get_room_visibility::v3::{Request, Response};
use ruma::api::client::room::Visibility;

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::Ruma;

/// `GET /_matrix/client/v3/directory/list/room/{roomId}`.
pub async fn visibility(
    State(rooms): State<Rooms>,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let visibility = if rooms.is_published(&request.room_id).await? {
        Visibility::Public
    } else {
        Visibility::Private
    };
    Ok(Answer(Response::new(visibility)))
}
