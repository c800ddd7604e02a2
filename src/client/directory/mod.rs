//! Aliases of rooms, and their place in this server's directory.

mod add_alias;
mod find_alias;
mod remove_alias;
mod set_visibility;
mod visibility;

pub use add_alias::add_alias;
pub use find_alias::find_alias;
pub use remove_alias::remove_alias;
pub use set_visibility::set_visibility;
pub use visibility::visibility;

use causeway_federation::Federation;
use causeway_rooms::Rooms;
use causeway_rooms::actions::AliasError;
use ruma::{OwnedRoomId, OwnedServerName, RoomAliasId};

use super::error::ApiError;

/// The room of an alias of this server or another, and servers that know it.
pub async fn find(
    rooms: &Rooms,
    federation: Option<&Federation>,
    alias: &RoomAliasId,
) -> Result<(OwnedRoomId, Vec<OwnedServerName>), ApiError> {
    match federation {
        _ if alias.server_name() == rooms.server_name() => {
            let room = rooms.resolve_alias(alias).await?;
            Ok((room, vec![rooms.server_name().to_owned()]))
        }
        Some(federation) => {
            let found = federation.remote_alias(alias).await?;
            Ok((found.room_id, found.servers))
        }
        None => Err(AliasError::NotFound.into()),
    }
}
