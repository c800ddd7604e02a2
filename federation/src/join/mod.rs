//! Users of this server in rooms of others: joining, leaving, knocking, inviting.
//!
//! A server that is in the room makes an event (`make_join`), this server completes and signs it
//! (`template.rs`), and gives it back (`send_join`). The state that comes with the answer is checked
//! in parallel ([`crate::keys::KeyRing::check_events`]) and taken in by `rooms`.
//!
//! Specification: server-server API, "Joining Rooms", "Leaving Rooms", "Knocking upon a room",
//! "Inviting to a room".

mod by_address;
mod enter;
mod invite;
mod leave;
mod template;

use causeway_rooms::WriteError;
use causeway_rooms::actions::MembershipError;
use causeway_rooms::receive::ReceiveError;
use causeway_rooms::serve::ServeError;
use causeway_store::StoreError;
use ruma::{OwnedRoomId, OwnedServerName, OwnedUserId};
use serde_json::{Map, Value};

pub use self::invite::RemoteInvite;
pub(crate) use self::invite::SHOWN;
use crate::links::{LinkError, Refusal};

/// Servers that are tried, one after the other.
pub(crate) const MAX_VIA: usize = 10;

/// A membership that one of our users wants in a room of others.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The room.
    pub room: OwnedRoomId,
    /// Who.
    pub user: OwnedUserId,
    /// Servers that may be in the room, best first.
    pub via: Vec<OwnedServerName>,
    /// What the member event is to say besides the membership: a name, a picture, a reason.
    pub content: Map<String, Value>,
}

/// Why it did not come to the membership.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// No server of the room is known.
    #[error("no server is known that is in the room")]
    NoServer,
    /// The last server that was asked does not let the user.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// The last server that was asked cannot be reached.
    #[error("no server of the room can be reached: {0}")]
    Unreachable(LinkError),
    /// What the other server says of the room cannot be.
    #[error("the other server's answer is wrong: {0}")]
    Wrong(String),
    /// What was to be said is no event.
    #[error("no such event can be made: {0}")]
    NoEvent(String),
    /// The room could not be taken in.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    /// The room does not let the membership be.
    #[error(transparent)]
    Membership(Box<MembershipError>),
    /// The event could not be built.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LinkError> for JoinError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Refused(refusal) if !refusal.errcode.is_empty() => Self::Refused(refusal),
            error => Self::Unreachable(error),
        }
    }
}

impl From<ServeError> for JoinError {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Store(error) => Self::Store(error),
            ServeError::Receive(error) => Self::Receive(error),
            ServeError::Write(error) => Self::Write(error),
            error => Self::Wrong(error.to_string()),
        }
    }
}

impl Wish {
    /// The servers that are tried, without this one.
    fn servers(&self) -> Vec<OwnedServerName> {
        let mut servers: Vec<OwnedServerName> = Vec::new();
        for server in &self.via {
            if server != self.user.server_name() && !servers.contains(server) {
                servers.push(server.clone());
            }
        }
        servers.truncate(MAX_VIA);
        servers
    }
}
