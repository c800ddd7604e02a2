//! What readers of the log see.

use std::sync::Arc;

use ruma::{OwnedDeviceId, OwnedUserId};

use super::change::{AccountData, EventRecord, Receipt, ToDevice};
use super::key_change::Which;
use crate::ids::{Position, RoomNid};

/// One entry of the log.
#[derive(Debug, Clone)]
pub struct LogEntry {
    /// Its place.
    pub position: Position,
    /// What happened.
    pub entry: Entry,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Entry {
    /// An event came into a room.
    Event(Arc<EventRecord>),
    /// A receipt moved.
    Receipt(Arc<Receipt>),
    /// Account data was set.
    AccountData(Arc<AccountData>),
    /// A message waits for a device.
    ToDevice(Arc<ToDevice>),
    /// A user's devices or keys changed.
    DeviceList(OwnedUserId),
    /// Devices were logged out.
    SessionsEnded {
        /// Whose.
        user: OwnedUserId,
        /// Which.
        which: Which,
    },
    /// Somebody signed others' keys, or has another key to do so, which only they can see.
    Signed {
        /// Who.
        signer: OwnedUserId,
        /// Whose keys they have to look up again.
        users: Arc<[OwnedUserId]>,
    },
    /// A device has other one-time or fallback keys left.
    OneTimeKeys {
        /// Whose.
        user: OwnedUserId,
        /// Which.
        device: OwnedDeviceId,
    },
    /// A field of a profile changed.
    Profile {
        /// Whose.
        user: OwnedUserId,
        /// Which field.
        field: String,
    },
    /// A user follows a thread, or no more.
    ThreadSubscription {
        /// Whose.
        user: OwnedUserId,
        /// Of which room.
        room: RoomNid,
    },
}
