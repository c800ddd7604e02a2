//! Reading events: our own from the store, and those of strangers.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use ruma::canonical_json::CanonicalJsonValue;
use ruma::events::TimelineEventType;
use ruma::signatures::{content_hash, reference_hash};
use ruma::{CanonicalJsonObject, OwnedEventId, OwnedRoomId, UserId};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Inner, Pdu, Slice};
use crate::canonical::Text;
use crate::limits::{MAX_AUTH_EVENTS, MAX_EVENT_BYTES, MAX_FIELD_BYTES, MAX_PREV_EVENTS};
use crate::redact::redact_object;
use crate::version::RoomVersion;

/// Largest text of a stranger's event that is looked at, `unsigned` included, in bytes.
pub(crate) const MAX_STRANGER_BYTES: usize = 4 * MAX_EVENT_BYTES;

/// Why a text is no event of this room version.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// Not JSON, or a field is missing or of the wrong kind.
    #[error("malformed event: {0}")]
    Json(#[from] serde_json::Error),
    /// An id does not follow its grammar.
    #[error("`{field}` is not a valid id: {reason}")]
    Id {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The event, in its canonical form, is too large.
    #[error("the event has {0} bytes, more than {MAX_EVENT_BYTES}")]
    TooLarge(usize),
    /// A string is too long.
    #[error("`{0}` has more than {MAX_FIELD_BYTES} bytes")]
    FieldTooLong(&'static str),
    /// `prev_events` or `auth_events` is too long.
    #[error("`{0}` has too many entries")]
    TooMany(&'static str),
    /// What proves the event is missing: `hashes` or `signatures`.
    #[error("`{0}` is missing or no object")]
    NoProof(&'static str),
    /// Anything else that the event format of the version forbids.
    #[error("{0}")]
    Other(String),
}

/// The fields of an event, borrowed from its text.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    sender: Cow<'a, str>,
    #[serde(borrow)]
    room_id: Option<Text<'a>>,
    #[serde(borrow)]
    state_key: Option<Text<'a>>,
    #[serde(borrow)]
    content: &'a RawValue,
    origin_server_ts: u64,
    depth: u64,
    #[serde(borrow)]
    prev_events: Vec<Reference<'a>>,
    #[serde(borrow)]
    auth_events: Vec<Reference<'a>>,
    #[serde(borrow)]
    redacts: Option<&'a RawValue>,
}

/// An entry of `prev_events`: an id, or (versions 1 and 2) an id with hashes.
struct Reference<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Reference<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReferenceVisitor)
    }
}

struct ReferenceVisitor;

impl<'de> Visitor<'de> for ReferenceVisitor {
    type Value = Reference<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event id, or a pair of an event id and hashes")
    }

    fn visit_borrowed_str<E>(self, id: &'de str) -> Result<Reference<'de>, E> {
        Ok(Reference(Cow::Borrowed(id)))
    }

    fn visit_str<E>(self, id: &str) -> Result<Reference<'de>, E> {
        Ok(Reference(Cow::Owned(id.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Reference<'de>, A::Error> {
        let Some(Text(id)) = access.next_element()? else {
            return Err(serde::de::Error::invalid_length(0, &self));
        };
        while access.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Reference(id))
    }
}

#[derive(Deserialize)]
struct RedactionContent<'a> {
    #[serde(borrow)]
    redacts: Option<&'a RawValue>,
}

fn range_in(json: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - json.as_ptr().addr();
    start..start + part.len()
}

fn slice(json: &str, text: Cow<'_, str>) -> Slice {
    match text {
        Cow::Borrowed(part) => Slice::Json(range_in(json, part)),
        Cow::Owned(text) => Slice::Own(text.into()),
    }
}

fn id_error(field: &'static str, error: impl fmt::Display) -> FormatError {
    FormatError::Id {
        field,
        reason: error.to_string(),
    }
}

fn event_ids(
    field: &'static str,
    list: &[Reference<'_>],
) -> Result<Box<[OwnedEventId]>, FormatError> {
    list.iter()
        .map(|Reference(id)| OwnedEventId::try_from(id.as_ref()).map_err(|e| id_error(field, e)))
        .collect()
}

fn room_id_of(
    version: RoomVersion,
    event_id: &OwnedEventId,
    wire: &Wire<'_>,
) -> Result<OwnedRoomId, FormatError> {
    match &wire.room_id {
        Some(Text(id)) => OwnedRoomId::try_from(id.as_ref()).map_err(|e| id_error("room_id", e)),
        None if version.room_id_is_create_hash() && wire.kind == "m.room.create" => {
            let hash = event_id.as_str().trim_start_matches('$');
            OwnedRoomId::try_from(format!("!{hash}")).map_err(|e| id_error("room_id", e))
        }
        None => Err(FormatError::Other("missing `room_id`".to_owned())),
    }
}

fn redacts_of(version: RoomVersion, wire: &Wire<'_>) -> Option<OwnedEventId> {
    if wire.kind != "m.room.redaction" {
        return None;
    }
    let raw = if version.rules().redaction.content_field_redacts {
        serde_json::from_str::<RedactionContent<'_>>(wire.content.get())
            .ok()?
            .redacts?
    } else {
        wire.redacts?
    };
    let Text(id) = serde_json::from_str(raw.get()).ok()?;
    OwnedEventId::try_from(id.as_ref()).ok()
}

impl Pdu {
    /// An event out of the store (or just built), which was checked when it was taken in. `json`
    /// is what [`Pdu::json`] gave. Reads it once, without checking hashes or sizes.
    pub fn from_stored(
        version: RoomVersion,
        event_id: OwnedEventId,
        json: String,
    ) -> Result<Self, FormatError> {
        let json = json.into_boxed_str();
        let wire: Wire<'_> = serde_json::from_str(&json)?;
        let inner = Inner {
            version,
            room_id_is_derived: wire.room_id.is_none(),
            room_id: room_id_of(version, &event_id, &wire)?,
            sender: UserId::parse(wire.sender.as_ref()).map_err(|e| id_error("sender", e))?,
            kind: TimelineEventType::from(wire.kind.as_ref()),
            content_at: range_in(&json, wire.content.get()),
            content: OnceLock::new(),
            power: OnceLock::new(),
            origin_ts_ms: wire.origin_server_ts,
            depth: wire.depth,
            prev_events: event_ids("prev_events", &wire.prev_events)?,
            auth_events: event_ids("auth_events", &wire.auth_events)?,
            redacts: redacts_of(version, &wire),
            kind_text: slice(&json, wire.kind),
            state_key: wire.state_key.map(|Text(key)| slice(&json, key)),
            event_id,
            json,
        };
        Ok(Self {
            inner: Arc::new(inner),
            rejected: false,
        })
    }

    /// An event from another server: checks its format, sizes, ids and numbers, drops `unsigned`
    /// and computes its id. Where the content hash does not match, the event is redacted, as the
    /// specification wants (server-server, Checks performed on receipt of a PDU, 3); a signature
    /// covers the redacted form, so it can be verified afterwards either way.
    pub fn from_stranger(version: RoomVersion, raw: &str) -> Result<Self, FormatError> {
        if raw.len() > MAX_STRANGER_BYTES {
            return Err(FormatError::TooLarge(raw.len()));
        }
        let mut object: CanonicalJsonObject = serde_json::from_str(raw)?;
        object.remove("unsigned");
        if !version.event_id_is_field() {
            object.remove("event_id");
        }
        check_format(version, &object)?;
        let event_id = event_id_of(version, &object)?;
        if !content_hash_matches(&object) {
            redact_object(version, &mut object).map_err(FormatError::Other)?;
        }
        let json = serde_json::to_string(&object)?;
        if json.len() > MAX_EVENT_BYTES {
            return Err(FormatError::TooLarge(json.len()));
        }
        Self::from_stored(version, event_id, json)
    }

    /// The event as a tree, for the functions that need one.
    pub fn to_object(&self) -> CanonicalJsonObject {
        serde_json::from_str(self.json()).expect("a Pdu's text was parsed before")
    }
}

fn event_id_of(
    version: RoomVersion,
    object: &CanonicalJsonObject,
) -> Result<OwnedEventId, FormatError> {
    let id = if version.event_id_is_field() {
        let id = object.get("event_id").and_then(CanonicalJsonValue::as_str);
        id.ok_or_else(|| FormatError::Other("missing `event_id`".to_owned()))?
            .to_owned()
    } else {
        let hash = reference_hash(object, version.rules())
            .map_err(|error| FormatError::Other(error.to_string()))?;
        format!("${hash}")
    };
    OwnedEventId::try_from(id).map_err(|e| id_error("event_id", e))
}

fn content_hash_matches(object: &CanonicalJsonObject) -> bool {
    let given = object
        .get("hashes")
        .and_then(CanonicalJsonValue::as_object)
        .and_then(|hashes| hashes.get("sha256"))
        .and_then(CanonicalJsonValue::as_str);
    let computed = content_hash(object).map(|hash| hash.encode());
    matches!((given, computed), (Some(given), Ok(computed)) if given.trim_end_matches('=') == computed)
}

fn check_format(version: RoomVersion, object: &CanonicalJsonObject) -> Result<(), FormatError> {
    let bytes = serde_json::to_string(object)?.len();
    if bytes > MAX_EVENT_BYTES {
        return Err(FormatError::TooLarge(bytes));
    }
    for field in ["type", "sender", "room_id", "event_id", "state_key"] {
        let too_long = object
            .get(field)
            .and_then(CanonicalJsonValue::as_str)
            .is_some_and(|text| text.len() > MAX_FIELD_BYTES);
        if too_long {
            return Err(FormatError::FieldTooLong(field));
        }
    }
    for (field, most) in [
        ("prev_events", MAX_PREV_EVENTS),
        ("auth_events", MAX_AUTH_EVENTS),
    ] {
        let list = object.get(field).and_then(CanonicalJsonValue::as_array);
        if list.is_some_and(|list| list.len() > most) {
            return Err(FormatError::TooMany(field));
        }
    }
    let is_object = |field| object.get(field).is_some_and(CanonicalJsonValue::is_object);
    if !is_object("content") {
        let why = "`content` is missing or no object".to_owned();
        return Err(FormatError::Other(why));
    }
    if let Some(field) = ["hashes", "signatures"]
        .into_iter()
        .find(|it| !is_object(*it))
    {
        return Err(FormatError::NoProof(field));
    }
    if object.get("state_key").is_some_and(|key| !key.is_string()) {
        return Err(FormatError::Other("`state_key` is no string".to_owned()));
    }
    // One byte stricter than the specification on the whole event, which is therefore checked
    // above, and not again here.
    if bytes < MAX_EVENT_BYTES {
        ruma::state_res::check_pdu_format(object, &version.rules().event_format)
            .map_err(FormatError::Other)?;
    }
    Ok(())
}
