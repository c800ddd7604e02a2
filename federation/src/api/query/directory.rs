use axum::Json;
use axum::extract::State;
use causeway_rooms::Rooms;
use causeway_rooms::actions::AliasError;
use ruma::{OwnedRoomAliasId, OwnedRoomId, OwnedServerName};
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::origin::Origin;
use crate::parameters::InQuery;

/// The parameters of [`directory`].
#[derive(Deserialize)]
pub(crate) struct Parameters {
    room_alias: OwnedRoomAliasId,
}

/// Where an alias leads.
#[derive(Serialize)]
pub(crate) struct Found {
    room_id: OwnedRoomId,
    servers: Vec<OwnedServerName>,
}

/// `GET /_matrix/federation/v1/query/directory`
pub(crate) async fn directory(
    State(rooms): State<Rooms>,
    InQuery(Parameters { room_alias }): InQuery<Parameters>,
    _: Origin,
) -> Result<Json<Found>, ApiError> {
    if room_alias.server_name() != rooms.server_name() {
        return Err(AliasError::NotFound.into());
    }
    let room_id = rooms.resolve_alias(&room_alias).await?;
    let servers = vec![rooms.server_name().to_owned()];
    Ok(Json(Found { room_id, servers }))
}
