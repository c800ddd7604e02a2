//! To which servers something goes.

use std::sync::Arc;

use causeway_store::log::{Entry, LogEntry, Membership};
use causeway_store::outbox::{Item, servers_of_user};
use causeway_store::{RoomNid, Store, StoreError};
use quick_cache::unsync::Cache;
use ruma::OwnedServerName;

/// Rooms whose servers are remembered.
const MAX_ROOMS: usize = 10_000;

/// Servers of one room that are told of it, at most.
const MAX_SERVERS: i64 = 100_000;

pub(super) struct Addresses {
    store: Store,
    rooms: Cache<RoomNid, Arc<[OwnedServerName]>>,
}

impl Addresses {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            rooms: Cache::new(MAX_ROOMS),
        }
    }

    pub(super) fn forget_all(&mut self) {
        self.rooms = Cache::new(MAX_ROOMS);
    }

    /// Forgets the servers of rooms into which somebody came. Of those who go the last event is
    /// still for their server, so they are remembered a little longer.
    pub(super) fn follow(&mut self, entries: &[LogEntry]) {
        for entry in entries {
            let Entry::Event(record) = &entry.entry else {
                continue;
            };
            let resolved = record.resolved.iter().filter_map(|it| it.member.as_ref());
            let mut members = resolved.chain(&record.member);
            if members.any(|member| member.after == Membership::Join) {
                self.rooms.remove(&record.room);
            }
        }
    }

    pub(super) async fn of(&mut self, item: &Item) -> Result<Vec<OwnedServerName>, StoreError> {
        match item {
            Item::Event(event) => {
                let mut servers = self.of_room(event.room).await?.to_vec();
                if let Some(user) = &event.let_go {
                    let server = user.server_name().to_owned();
                    if !servers.contains(&server) {
                        servers.push(server);
                    }
                    self.rooms.remove(&event.room);
                }
                // It gave us the event, and may not know the room until it has our answer.
                servers.retain(|server| event.from.as_ref() != Some(server));
                Ok(servers)
            }
            Item::Receipt(receipt) => Ok(self.of_room(receipt.room).await?.to_vec()),
            Item::DeviceList(user) => {
                let servers = servers_of_user(&self.store, user).await?;
                Ok(servers
                    .into_iter()
                    .filter_map(|it| it.try_into().ok())
                    .collect())
            }
            Item::ToDevice(message) => Ok(vec![message.user.server_name().to_owned()]),
        }
    }

    async fn of_room(&mut self, room: RoomNid) -> Result<Arc<[OwnedServerName]>, StoreError> {
        if let Some(servers) = self.rooms.get(&room) {
            return Ok(servers.clone());
        }
        let servers = causeway_store::graph::list_servers(&self.store, room, MAX_SERVERS).await?;
        let servers = servers.into_iter();
        let servers: Arc<[OwnedServerName]> = servers.filter_map(|it| it.try_into().ok()).collect();
        self.rooms.insert(room, servers.clone());
        Ok(servers)
    }
}
