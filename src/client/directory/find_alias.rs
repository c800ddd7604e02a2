use axum::extract::State;
use causeway_rooms::Rooms;
use ruma::api::client::alias::get_alias::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::Ruma;

/// `GET /_matrix/client/v3/directory/room/{roomAlias}`.
pub async fn find_alias(
    State(rooms): State<Rooms>,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let room_id = rooms.resolve_alias(&request.room_alias).await?;
    let servers = vec![rooms.server_name().to_owned()];
    Ok(Answer(Response::new(room_id, servers)))
}
