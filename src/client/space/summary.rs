use axum::Json;
use axum::extract::State;
use causeway_rooms::read::{Reader, Summary};
use ruma::api::client::room::get_summary::v1::Request;
use ruma::{OwnedRoomId, RoomAliasId, RoomOrAliasId};

use crate::client::error::ApiError;
use crate::client::extract::{OptionalSession, Ruma};

/// `GET /_matrix/client/v1/room_summary/{roomIdOrAlias}`.
pub async fn summary(
    State(reader): State<Reader>,
    OptionalSession(session): OptionalSession,
    Ruma(request): Ruma<Request>,
) -> Result<Json<Summary>, ApiError> {
    let room_id = room_of(&reader, &request.room_id_or_alias).await?;
    let user = session.as_ref().map(|session| &*session.user_id);
    Ok(Json(reader.summary(&room_id, user).await?))
}

async fn room_of(reader: &Reader, name: &RoomOrAliasId) -> Result<OwnedRoomId, ApiError> {
    if let Ok(room_id) = OwnedRoomId::try_from(name.as_str()) {
        return Ok(room_id);
    }
    let alias = RoomAliasId::parse(name.as_str())
        .map_err(|_| ApiError::invalid_param("Neither a room id nor an alias"))?;
    let found = causeway_store::rooms::find_alias(reader.store(), &alias).await?;
    found
        .map(|alias| alias.room_id)
        .ok_or_else(|| ApiError::not_found("No such room"))
}
