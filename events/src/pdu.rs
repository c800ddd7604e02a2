//! A signed event, as servers exchange it.

mod parse;

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use ruma::events::TimelineEventType;
use ruma::{
    EventId, MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, UInt,
    UserId,
};
use serde::Deserialize;
use serde_json::value::RawValue;

pub use self::parse::FormatError;
use crate::power::PowerContent;
use crate::version::RoomVersion;

/// An event in its stored form: canonical JSON without `unsigned`, and what was read from it.
/// A clone is a reference count. Whoever holds a `Pdu` holds a well-formed event; whether it is
/// allowed in its room is another question (see [`crate::auth`]).
#[derive(Clone)]
pub struct Pdu {
    inner: Arc<Inner>,
    rejected: bool,
}

struct Inner {
    version: RoomVersion,
    json: Box<str>,
    event_id: OwnedEventId,
    room_id: OwnedRoomId,
    /// The event does not say it: a create event since version 12.
    room_id_is_derived: bool,
    sender: OwnedUserId,
    kind: TimelineEventType,
    kind_text: Slice,
    state_key: Option<Slice>,
    content_at: Range<usize>,
    content: OnceLock<Box<RawValue>>,
    power: OnceLock<PowerContent>,
    origin_ts_ms: u64,
    depth: u64,
    prev_events: Box<[OwnedEventId]>,
    auth_events: Box<[OwnedEventId]>,
    redacts: Option<OwnedEventId>,
}

/// A piece of the stored JSON, or, where that has escapes, its own text.
enum Slice {
    Json(Range<usize>),
    Own(Box<str>),
}

impl Slice {
    fn of<'a>(&'a self, json: &'a str) -> &'a str {
        match self {
            Self::Json(range) => &json[range.clone()],
            Self::Own(text) => text,
        }
    }
}

impl Pdu {
    /// The room's version.
    pub fn version(&self) -> RoomVersion {
        self.inner.version
    }

    /// The event's id: from the event in versions 1 and 2, its reference hash since.
    pub fn event_id(&self) -> &EventId {
        &self.inner.event_id
    }

    /// The event's id, to be cloned as a reference count.
    pub fn owned_event_id(&self) -> &OwnedEventId {
        &self.inner.event_id
    }

    /// The room; for a create event of version 12 and later, derived from the event's id.
    pub fn room_id(&self) -> &RoomId {
        &self.inner.room_id
    }

    /// The event's type.
    pub fn event_type(&self) -> &str {
        self.inner.kind_text.of(&self.inner.json)
    }

    /// The state key, which makes the event a state event.
    pub fn state_key(&self) -> Option<&str> {
        Some(self.inner.state_key.as_ref()?.of(&self.inner.json))
    }

    /// Whether this is a state event of this type and key.
    pub fn is_state(&self, event_type: &str, state_key: &str) -> bool {
        self.state_key() == Some(state_key) && self.event_type() == event_type
    }

    /// Who sent it.
    pub fn sender(&self) -> &UserId {
        &self.inner.sender
    }

    /// When its server says that it was sent, in milliseconds since 1970.
    pub fn origin_ts_ms(&self) -> u64 {
        self.inner.origin_ts_ms
    }

    /// One more than the deepest of `prev_events`, as its server says.
    pub fn depth(&self) -> u64 {
        self.inner.depth
    }

    /// The content, a JSON object.
    pub fn content(&self) -> &RawValue {
        self.inner.content.get_or_init(|| {
            RawValue::from_string(self.content_json().to_owned())
                .expect("the content was cut out of text that had been parsed as JSON")
        })
    }

    /// The content's canonical JSON.
    pub fn content_json(&self) -> &str {
        &self.inner.json[self.inner.content_at.clone()]
    }

    /// The content, read as a `T`.
    pub fn content_as<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.content_json())
    }

    /// The ends of the room that it was sent after.
    pub fn prev_events(&self) -> &[OwnedEventId] {
        &self.inner.prev_events
    }

    /// The events that allow it.
    pub fn auth_events(&self) -> &[OwnedEventId] {
        &self.inner.auth_events
    }

    /// The event that an `m.room.redaction` takes away: in `content` since version 11, at the top
    /// before. `None` for other types, and where it is no event id.
    pub fn redacts(&self) -> Option<&EventId> {
        self.inner.redacts.as_deref()
    }

    /// The stored form: canonical JSON as sent between servers, without `unsigned`.
    pub fn json(&self) -> &str {
        &self.inner.json
    }

    /// Whether the event was rejected (see [`Self::with_rejected`]).
    pub fn is_rejected(&self) -> bool {
        self.rejected
    }

    /// The same event marked as rejected, or not: rejected events authorise nothing and are
    /// never state.
    pub fn with_rejected(mut self, rejected: bool) -> Self {
        self.rejected = rejected;
        self
    }

    /// The content read as power levels, once per event.
    pub(crate) fn power_content(&self) -> &PowerContent {
        self.inner
            .power
            .get_or_init(|| PowerContent::read(self.inner.version, self.content_json()))
    }
}

impl std::fmt::Debug for Pdu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pdu({} {}", self.event_id(), self.event_type())?;
        if let Some(state_key) = self.state_key() {
            write!(f, " {state_key:?}")?;
        }
        write!(f, ")")
    }
}

impl PartialEq for Pdu {
    fn eq(&self, other: &Self) -> bool {
        self.rejected == other.rejected
            && (Arc::ptr_eq(&self.inner, &other.inner)
                || (self.inner.event_id == other.inner.event_id
                    && self.inner.json == other.inner.json))
    }
}

impl Eq for Pdu {}

impl ruma::state_res::Event for Pdu {
    type Id = OwnedEventId;

    fn event_id(&self) -> &OwnedEventId {
        &self.inner.event_id
    }

    fn room_id(&self) -> Option<&RoomId> {
        (!self.inner.room_id_is_derived).then_some(&self.inner.room_id)
    }

    fn sender(&self) -> &UserId {
        &self.inner.sender
    }

    fn origin_server_ts(&self) -> MilliSecondsSinceUnixEpoch {
        MilliSecondsSinceUnixEpoch(UInt::new_saturating(self.inner.origin_ts_ms))
    }

    fn event_type(&self) -> &TimelineEventType {
        &self.inner.kind
    }

    fn content(&self) -> &RawValue {
        self.content()
    }

    fn state_key(&self) -> Option<&str> {
        self.state_key()
    }

    fn prev_events(&self) -> Box<dyn DoubleEndedIterator<Item = &OwnedEventId> + '_> {
        Box::new(self.inner.prev_events.iter())
    }

    fn auth_events(&self) -> Box<dyn DoubleEndedIterator<Item = &OwnedEventId> + '_> {
        Box::new(self.inner.auth_events.iter())
    }

    fn redacts(&self) -> Option<&OwnedEventId> {
        self.inner.redacts.as_ref()
    }

    fn rejected(&self) -> bool {
        self.rejected
    }
}
