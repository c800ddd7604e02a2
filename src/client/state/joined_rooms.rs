use axum::extract::State;
use causeway_store::Store;
use causeway_store::log::Membership;
use causeway_store::rooms::list_rooms_of;
use ruma::api::client::membership::joined_rooms::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// Rooms of one user that are listed, at most.
const MAX_ROOMS: i64 = 100_000;

/// `GET /_matrix/client/v3/joined_rooms`.
pub async fn joined_rooms(
    State(store): State<Store>,
    session: Session,
    Ruma(_): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let joined = [Membership::Join];
    let rooms = list_rooms_of(&store, &session.user_id, &joined, MAX_ROOMS).await?;
    let ids = rooms.into_iter().map(|(_, room_id, _)| room_id).collect();
    Ok(Answer(Response::new(ids)))
}
