//! Where aliases of other servers lead.

use std::time::Duration;

use ruma::{OwnedRoomId, OwnedServerName, RoomAliasId};
use serde::Deserialize;

use super::AskError;
use crate::Federation;
use crate::links::segment;

/// Longest time for an alias.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Largest answer, in bytes: there may be a server for each of thousands in the room.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// Servers of the answer that are passed on.
const MAX_SERVERS: usize = 50;

/// Where an alias leads.
#[derive(Clone, Debug, Deserialize)]
pub struct RemoteAlias {
    /// The room.
    pub room_id: OwnedRoomId,
    /// Servers that know the room.
    pub servers: Vec<OwnedServerName>,
}

impl Federation {
    /// Where an alias of another server leads. Specification: server-server API, `GET
    /// /query/directory`.
    ///
    /// # Errors
    /// [`AskError`] says why nowhere.
    pub async fn remote_alias(&self, alias: &RoomAliasId) -> Result<RemoteAlias, AskError> {
        let room_alias = segment(alias.as_str());
        let path = format!("/_matrix/federation/v1/query/directory?room_alias={room_alias}");
        let request = self.links().get(alias.server_name(), path);
        let answer = request.within(TIMEOUT).at_most(MAX_BYTES).send().await?;
        let mut found: RemoteAlias = answer.json()?;
        found.servers.truncate(MAX_SERVERS);
        if found.servers.is_empty() {
            found.servers.push(alias.server_name().to_owned());
        }
        Ok(found)
    }
}
