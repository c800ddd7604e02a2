//! Reading rooms, for clients: who may see what, in which form.
//!
//! A read asks the database a fixed number of times, however many events it gives: once what the
//! room is to the user ([`Reader::enter`]), once for the events, once for the states at them,
//! once for what relates to them. Start reading at [`Reader`], then `show.rs`.

mod between;
mod context;
mod directory;
mod enter;
mod error;
mod filter;
mod hierarchy;
mod initial;
mod invites;
mod members;
mod messages;
mod relations;
mod search;
mod show;
mod sight;
mod state;
mod summary;
mod threads;

use causeway_store::{Clock, Store};
use ruma::{OwnedDeviceId, OwnedServerName, OwnedUserId};

pub use between::Between;
pub use context::Context;
pub use directory::{PublicRooms, PublicRoomsQuery};
pub use enter::Room;
pub use error::ReadError;
pub use filter::EventFilter;
pub use hierarchy::{HierarchyQuery, HierarchyRooms};
pub use initial::Initial;
pub use members::MembersQuery;
pub use messages::{Chunk, MessagesQuery};
pub use relations::{RelatedChunk, RelationsQuery};
pub use search::{
    ContextWish, FoundContext, FoundEvent, Group, SearchAnswer, SearchCriteria, SearchError,
    SenderProfile,
};
pub use summary::{Summary, SummaryBody};

/// Events that one answer holds, at most.
pub const MAX_PAGE_EVENTS: u64 = 500;

/// Reads rooms. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader {
    store: Store,
    server_name: OwnedServerName,
    clock: Clock,
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Asker {
    /// The user.
    pub user: OwnedUserId,
    /// The device, which is shown its own transaction ids.
    pub device: Option<OwnedDeviceId>,
}

impl Reader {
    /// A reader of the rooms of a database.
    pub fn new(store: Store, server_name: OwnedServerName, clock: Clock) -> Self {
        Self {
            store,
            server_name,
            clock,
        }
    }

    /// This server's name.
    pub fn server_name(&self) -> &ruma::ServerName {
        &self.server_name
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.store
    }
}

/// A limit that a client chose, within what this server gives.
fn bounded(limit: Option<u64>, default: u64) -> i64 {
    let limit = limit.unwrap_or(default).min(MAX_PAGE_EVENTS);
    i64::try_from(limit).unwrap_or(0)
}
