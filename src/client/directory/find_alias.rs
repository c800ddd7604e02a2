use axum::extract::State;
use causeway_federation::Federation;
use causeway_rooms::Rooms;
use ruma::api::client::alias::get_alias::v3::{Request, Response};

use super::find;
use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::Ruma;

/// `GET /_matrix/client/v3/directory/room/{roomAlias}`.
pub async fn find_alias(
    State(rooms): State<Rooms>,
    State(federation): State<Option<Federation>>,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let found = find(&rooms, federation.as_ref(), &request.room_alias).await?;
    Ok(Answer(Response::new(found.0, found.1)))
}
