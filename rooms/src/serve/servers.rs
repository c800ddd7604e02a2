//! The servers of a room, and the rooms of a server.

use causeway_store::graph::{is_server_in, list_rooms_of_server, list_servers};
use causeway_store::{RoomNid, StoreError};
use ruma::{OwnedRoomId, OwnedServerName, RoomId, ServerName};

use super::ServeError;
use crate::rooms::Rooms;

/// Servers of one room that are named, at most.
const MAX_SERVERS: i64 = 100_000;

impl Rooms {
    /// The servers whose users have joined the room, this one among them, with how many of each:
    /// those with most first. One look-up in a table that is kept with the memberships.
    ///
    /// # Errors
    /// If the room is not here, or the database does not answer.
    pub async fn servers_in(
        &self,
        room: RoomNid,
    ) -> Result<Vec<(OwnedServerName, u64)>, StoreError> {
        let rows = list_servers(self.store(), room, MAX_SERVERS).await?;
        let servers = rows
            .into_iter()
            .filter_map(|(server, joined)| Some((server.try_into().ok()?, joined)));
        Ok(servers.collect())
    }

    /// Whether a server has users in the room.
    ///
    /// # Errors
    /// If the room is not here, or the database does not answer.
    pub async fn is_server_in(
        &self,
        room: &RoomId,
        server: &ServerName,
    ) -> Result<bool, ServeError> {
        let head = self.head(room).await?;
        Ok(is_server_in(self.store(), head.room(), server.as_str()).await?)
    }

    /// The rooms that a server has users in, behind `after` in the order of their numbers
    /// (`RoomNid(0)` begins), up to `limit`.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn rooms_of_server(
        &self,
        server: &ServerName,
        after: RoomNid,
        limit: usize,
    ) -> Result<Vec<(RoomNid, OwnedRoomId)>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        list_rooms_of_server(self.store(), server.as_str(), after, limit).await
    }
}
