//! How events name the events before them.

use ruma::signatures::reference_hash;
use ruma::{EventId, OwnedEventId};

use crate::pdu::Pdu;
use crate::version::RoomVersion;

/// An event as an entry of `prev_events` or `auth_events`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    event_id: OwnedEventId,
    /// Unpadded base64 of the reference hash, where the id does not hold it (versions 1 and 2).
    sha256: Option<Box<str>>,
}

impl Reference {
    /// Names `pdu` as its room version wants it (rooms, version 1, "Event format"). In versions
    /// 1 and 2 that hashes the event.
    pub fn to(version: RoomVersion, pdu: &Pdu) -> Self {
        let hash = version
            .event_id_is_field()
            .then(|| reference_hash(&pdu.to_object(), version.rules()));
        Self {
            event_id: pdu.owned_event_id().clone(),
            // Only events without a type have no such hash, and a Pdu has one.
            sha256: hash.and_then(Result::ok).map(String::into_boxed_str),
        }
    }

    /// The event's id.
    pub fn event_id(&self) -> &EventId {
        &self.event_id
    }

    /// The event's reference hash, where it must be said.
    pub fn sha256(&self) -> Option<&str> {
        self.sha256.as_deref()
    }
}

/// Names an event of a version whose ids are hashes (3 and newer).
impl From<OwnedEventId> for Reference {
    fn from(event_id: OwnedEventId) -> Self {
        Self {
            event_id,
            sha256: None,
        }
    }
}
