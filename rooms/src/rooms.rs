//! The handle that the rest of the program holds.

use std::sync::{Arc, OnceLock};

use causeway_events::{RoomVersion, ServerKey};
use causeway_store::state::StateKeys;
use causeway_store::{Clock, Log, Nids, Store};
use parking_lot::Mutex;
use ruma::{OwnedServerName, OwnedUserId, RoomId, ServerName, UserId};

use crate::head::{Head, StateEntry};
use crate::heads::Heads;
use crate::policy::AskPolicy;
use crate::receive::Coverages;
use crate::write::LoadError;

/// What an operator can choose about rooms.
#[derive(Debug, Clone)]
pub struct RoomSettings {
    /// This server.
    pub server_name: OwnedServerName,
    /// The version of new rooms whose creator does not name one.
    pub default_version: RoomVersion,
    /// Rooms whose heads are kept in memory.
    pub warm_rooms: usize,
}

/// The rooms of a server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Rooms(Arc<Parts>);

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) settings: RoomSettings,
    pub(crate) store: Store,
    pub(crate) log: Log,
    pub(crate) clock: Clock,
    pub(crate) key: ServerKey,
    pub(crate) nids: Nids,
    pub(crate) keys: StateKeys,
    pub(crate) heads: Heads,
    pub(crate) coverages: Coverages,
    /// Who speaks with policy servers.
    pub(crate) policy: OnceLock<Arc<dyn AskPolicy>>,
    /// When the newest room was made, in milliseconds since 1970.
    pub(crate) last_creation_ms: Mutex<u64>,
}

impl Rooms {
    /// Opens the kitchen.
    pub fn new(
        settings: RoomSettings,
        store: Store,
        log: Log,
        clock: Clock,
        key: ServerKey,
    ) -> Self {
        let nids = Nids::new(store.clone());
        let keys = StateKeys::new(store.clone());
        let heads = Heads::new(store.clone(), settings.warm_rooms);
        Self(Arc::new(Parts {
            settings,
            store,
            log,
            clock,
            key,
            nids,
            keys,
            heads,
            coverages: Coverages::new(),
            policy: OnceLock::new(),
            last_creation_ms: Mutex::new(0),
        }))
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.0
    }

    /// This server's name.
    pub fn server_name(&self) -> &ServerName {
        &self.0.settings.server_name
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The version of new rooms.
    pub fn default_version(&self) -> RoomVersion {
        self.0.settings.default_version
    }

    /// Whether a user is of this server.
    pub fn is_local(&self, user: &UserId) -> bool {
        user.server_name() == self.server_name()
    }

    /// Rooms whose heads are in memory.
    pub fn warm(&self) -> usize {
        self.0.heads.len()
    }

    /// The room's head: its current state, members apart.
    ///
    /// # Errors
    /// If the server does not know the room, or the database does not answer.
    pub async fn head(&self, room: &RoomId) -> Result<Head, LoadError> {
        self.0.heads.head(room).await
    }

    /// The room's head, which remembers these users ([`Head::remembered_member`]).
    ///
    /// # Errors
    /// As [`Rooms::head`].
    pub async fn head_with(&self, room: &RoomId, users: &[OwnedUserId]) -> Result<Head, LoadError> {
        self.0.heads.remember(room, users).await
    }

    /// A user's member event in the current state.
    ///
    /// # Errors
    /// As [`Rooms::head`].
    pub async fn member(
        &self,
        room: &RoomId,
        user: &UserId,
    ) -> Result<Option<StateEntry>, LoadError> {
        let head = self.head_with(room, &[user.to_owned()]).await?;
        Ok(head.remembered_member(user).flatten().cloned())
    }
}
