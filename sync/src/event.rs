//! Events as this crate holds them: what is the same for every client is made once.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use causeway_events::client::{ClientEvent, DELAYED_DEVICE, Format, Unsigned};
use causeway_events::redact::redact;
use causeway_events::{Pdu, RoomVersion};
use causeway_store::log::{EventRecord, SentBy};
use causeway_store::sync::SyncEvent;
use causeway_store::{EventNid, Position, RoomPlace};
use ruma::{DeviceId, OwnedEventId, UserId};

/// An event of a room.
#[derive(Debug)]
pub(crate) struct RoomEvent {
    pub nid: EventNid,
    pub place: RoomPlace,
    pub pdu: Pdu,
    pub client: ClientEvent,
    pub replaced: Option<Pdu>,
    pub sent_by: Option<SentBy>,
    /// The redaction that blanked it, as clients see it.
    pub redacted_because: Option<Box<str>>,
    pub flags: i16,
    /// Whether something relates to it that is bundled with it.
    pub is_parent: AtomicBool,
}

/// An event in an answer.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub event: Arc<RoomEvent>,
    /// What the reader was to the room.
    pub membership: Option<&'static str>,
    /// JSON of `m.relations`.
    pub relations: Option<Arc<str>>,
}

/// To whom an event is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub user: &'a UserId,
    pub device: Option<&'a DeviceId>,
    pub now_ms: u64,
}

impl RoomEvent {
    /// From the log.
    pub(crate) fn from_record(position: Position, record: &EventRecord) -> Self {
        Self {
            nid: record.nid,
            place: RoomPlace::live(position),
            client: ClientEvent::new(&record.pdu),
            pdu: record.pdu.clone(),
            replaced: record.replaces.as_ref().map(|old| old.pdu.clone()),
            sent_by: record.sent_by.clone(),
            redacted_because: None,
            flags: record.flags,
            is_parent: AtomicBool::new(false),
        }
    }

    /// From the tables; `None` for a row that holds no event of this version.
    pub(crate) fn from_row(version: RoomVersion, row: SyncEvent) -> Option<Self> {
        let pdu = read(version, &row.event_id, row.json)?;
        let sent_by = row.sent_by.map(|(device, txn_id)| SentBy {
            device: device.into(),
            txn_id: txn_id.into(),
        });
        let replaced = row.replaced.and_then(|(id, json)| read(version, &id, json));
        Some(Self {
            nid: row.nid,
            place: row.place,
            client: ClientEvent::new(&pdu),
            pdu,
            replaced,
            sent_by,
            redacted_because: None,
            flags: row.flags,
            is_parent: AtomicBool::new(false),
        })
    }

    /// Leaves of the event what a redaction would leave of it.
    pub(crate) fn blank(&mut self, version: RoomVersion) {
        self.pdu = redact(version, &self.pdu);
        self.client = ClientEvent::new(&self.pdu);
        self.replaced = None;
    }

    /// An event of which nothing but itself is known.
    pub(crate) fn bare(pdu: Pdu) -> Self {
        Self {
            nid: EventNid(0),
            place: RoomPlace::default(),
            client: ClientEvent::new(&pdu),
            pdu,
            replaced: None,
            sent_by: None,
            redacted_because: None,
            flags: 0,
            is_parent: AtomicBool::new(false),
        }
    }

    /// The key of a state event.
    pub(crate) fn state_key(&self) -> Option<(&str, &str)> {
        Some((self.pdu.event_type(), self.pdu.state_key()?))
    }

    /// Whose membership this is about.
    pub(crate) fn member(&self) -> Option<&UserId> {
        let (event_type, key) = self.state_key()?;
        (event_type == "m.room.member")
            .then(|| <&UserId>::try_from(key).ok())
            .flatten()
    }

    /// What it takes in memory, in bytes.
    pub(crate) fn weight(&self) -> usize {
        let replaced = self.replaced.as_ref().map_or(0, |old| old.json().len());
        size_of::<Self>() + self.client.weight() + self.pdu.json().len() + replaced
    }
}

/// Reads a stored event.
pub(crate) fn read(version: RoomVersion, event_id: &str, json: String) -> Option<Pdu> {
    let id = OwnedEventId::try_from(event_id).ok()?;
    match Pdu::from_stored(version, id, json) {
        Ok(pdu) => Some(pdu),
        Err(error) => {
            tracing::error!(%error, event_id, "a stored event cannot be read");
            None
        }
    }
}

impl Shown {
    /// An event that everybody in the room sees like this.
    pub(crate) fn plain(event: Arc<RoomEvent>) -> Self {
        Self {
            event,
            membership: None,
            relations: None,
        }
    }

    /// An event sent while the reader was in the room.
    pub(crate) fn to_member(event: Arc<RoomEvent>) -> Self {
        Self {
            event,
            membership: Some("join"),
            relations: None,
        }
    }

    /// Appends the event as clients see it.
    pub(crate) fn write(&self, reader: &Reader<'_>, out: &mut Vec<u8>) {
        let event = &*self.event;
        let sent_by = event.sent_by.as_ref();
        let sent_by = sent_by.filter(|_| event.pdu.sender() == reader.user);
        let own = sent_by.filter(|sent_by| Some(&*sent_by.device) == reader.device);
        let delayed = sent_by.filter(|sent_by| sent_by.device == DELAYED_DEVICE);
        let replaced = event.replaced.as_ref();
        let unsigned = Unsigned {
            now_ms: Some(reader.now_ms),
            transaction_id: own.map(|sent_by| &*sent_by.txn_id),
            delay_id: delayed.map(|sent_by| &*sent_by.txn_id),
            redacted_because: event.redacted_because.as_deref(),
            prev_content: replaced.map(Pdu::content_json),
            replaces_state: replaced.map(Pdu::event_id),
            prev_sender: replaced.map(Pdu::sender),
            membership: self.membership,
            relations: self.relations.as_deref(),
        };
        event.client.write(Format::Sync, &unsigned, out);
    }
}
