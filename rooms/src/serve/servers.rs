//! The servers of a room, and the rooms of a server.

use causeway_store::graph::{is_server_in, list_rooms_of_server, list_servers};
use causeway_store::{RoomNid, StoreError};
use ruma::{OwnedRoomId, OwnedServerName, RoomId, ServerName};

use super::ServeError;
use crate::rooms::Rooms;

impl Rooms {
    /// The other servers whose users have joined the room, those with most users first: at most
    /// `limit`. One look-up in a table that is kept with the memberships.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn other_servers(
        &self,
        room: RoomNid,
        limit: usize,
    ) -> Result<Vec<OwnedServerName>, StoreError> {
        let most = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let rows = list_servers(self.store(), room, most).await?;
        let servers = rows.into_iter();
        let servers = servers.filter_map(|server| OwnedServerName::try_from(server).ok());
        let others = servers.filter(|server| server != self.server_name());
        Ok(others.take(limit).collect())
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
