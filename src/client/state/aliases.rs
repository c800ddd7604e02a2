use axum::extract::State;
use causeway_rooms::read::Reader;
use causeway_store::rooms::list_aliases;
use ruma::OwnedRoomAliasId;
use ruma::api::client::room::aliases::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::room_json::asker;

/// `GET /_matrix/client/v3/rooms/{roomId}/aliases`.
pub async fn aliases(
    State(reader): State<Reader>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let room = reader.enter(&request.room_id, &asker(session)).await?;
    if !room.is_joined() && !room.is_world_readable() {
        return Err(ApiError::forbidden("You are not in this room"));
    }
    let aliases = list_aliases(reader.store(), room.nid).await?;
    let aliases = aliases
        .into_iter()
        .filter_map(|alias| OwnedRoomAliasId::try_from(alias).ok())
        .collect();
    Ok(Answer(Response::new(aliases)))
}
