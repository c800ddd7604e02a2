//! From a wish to a signed event. This is on the way of every message: one reading of the
//! content, one text per thing to be hashed, one signature.

use ruma::{OwnedEventId, OwnedUserId, RoomId};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::canonical::{MAX_INT, Value, write_int, write_string};
use crate::key::ServerKey;
use crate::limits::{MAX_AUTH_EVENTS, MAX_EVENT_BYTES, MAX_FIELD_BYTES, MAX_PREV_EVENTS};
use crate::pdu::Pdu;
use crate::redact::write_redacted_content;
use crate::reference::Reference;
use crate::version::RoomVersion;

/// What somebody wants to say, before it has a place in the room.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The event's type.
    pub event_type: String,
    /// The state key, for a state event.
    pub state_key: Option<String>,
    /// Who sends it: a user of the server whose key signs.
    pub sender: OwnedUserId,
    /// The content, a JSON object in any spelling.
    pub content: Box<RawValue>,
    /// What an `m.room.redaction` takes away. It is put where the room version wants it.
    pub redacts: Option<OwnedEventId>,
    /// Now, in milliseconds since 1970.
    pub origin_ts_ms: u64,
}

/// Where in the room the event goes.
#[derive(Debug, Clone, Copy)]
pub struct Placement<'a> {
    /// The room; `None` exactly for the create event of a version whose room id is derived from
    /// it (12).
    pub room_id: Option<&'a RoomId>,
    /// The room's ends, at most 20.
    pub prev_events: &'a [Reference],
    /// The state events that allow it, at most 10 (see [`crate::auth::auth_types`]).
    pub auth_events: &'a [Reference],
    /// One more than the deepest of `prev_events`.
    pub depth: u64,
}

/// Why a draft cannot become an event.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The content is no object of canonical JSON (`M_BAD_JSON`): a number that is not an
    /// integer or is out of range, a key twice, nesting too deep.
    #[error("the content is not canonical JSON: {0}")]
    Content(String),
    /// The whole event is too large (`M_TOO_LARGE`).
    #[error("the event has {0} bytes, more than {MAX_EVENT_BYTES}")]
    TooLarge(usize),
    /// A string is too long (`M_TOO_LARGE`).
    #[error("`{0}` has more than {MAX_FIELD_BYTES} bytes")]
    FieldTooLong(&'static str),
    /// More `prev_events` or `auth_events` than an event may name.
    #[error("`{0}` has too many entries")]
    TooMany(&'static str),
    /// A room id where there must be none, or none where there must be one.
    #[error("the create event of this room version has no room id, every other event has one")]
    RoomId,
    /// Time or depth is beyond what canonical JSON can say.
    #[error("`{0}` is out of range")]
    Number(&'static str),
}

impl Draft {
    /// Builds, hashes and signs the event.
    pub fn build(
        &self,
        version: RoomVersion,
        placement: &Placement<'_>,
        key: &ServerKey,
    ) -> Result<Pdu, BuildError> {
        self.check(version, placement)?;
        let content = self.canonical_content(version)?;
        let mut writer = Writer {
            draft: self,
            version,
            placement,
            event_id: None,
        };
        let mut text = Vec::with_capacity(content.len() + 768);

        // Versions 1 and 2 leave the id to the sender: a hash of everything keeps this pure.
        if version.event_id_is_field() {
            writer.write(content.as_bytes(), None, None, &mut text);
            let hash = base64_url(&Sha256::digest(&text));
            writer.event_id = Some(format!("${hash}:{}", key.server_name()));
            text.clear();
        }
        writer.write(content.as_bytes(), None, None, &mut text);
        let content_hash = base64(&Sha256::digest(&text));

        text.clear();
        let mut redacted = Vec::new();
        write_redacted_content(version, &self.event_type, &content, &mut redacted)
            .map_err(|error| BuildError::Content(error.to_string()))?;
        writer.write_redacted(&redacted, &content_hash, &mut text);
        let event_id = match &writer.event_id {
            Some(id) => OwnedEventId::try_from(id.as_str()),
            None => OwnedEventId::try_from(reference_id(version, &text)),
        };
        let event_id = event_id.map_err(|_| BuildError::FieldTooLong("event_id"))?;
        let signature = key.sign_bytes(&text);

        text.clear();
        writer.write(
            content.as_bytes(),
            Some(&content_hash),
            Some((key, &signature)),
            &mut text,
        );
        if text.len() > MAX_EVENT_BYTES {
            return Err(BuildError::TooLarge(text.len()));
        }
        let json = String::from_utf8(text).map_err(|e| BuildError::Content(e.to_string()))?;
        Pdu::from_stored(version, event_id, json).map_err(|e| BuildError::Content(e.to_string()))
    }

    fn check(&self, version: RoomVersion, placement: &Placement<'_>) -> Result<(), BuildError> {
        let fields = [
            ("type", self.event_type.len()),
            ("state_key", self.state_key.as_ref().map_or(0, String::len)),
            ("sender", self.sender.as_str().len()),
            (
                "room_id",
                placement.room_id.map_or(0, |id| id.as_str().len()),
            ),
        ];
        if let Some((field, _)) = fields.iter().find(|(_, bytes)| *bytes > MAX_FIELD_BYTES) {
            return Err(BuildError::FieldTooLong(field));
        }
        if placement.prev_events.len() > MAX_PREV_EVENTS {
            return Err(BuildError::TooMany("prev_events"));
        }
        if placement.auth_events.len() > MAX_AUTH_EVENTS {
            return Err(BuildError::TooMany("auth_events"));
        }
        let names_itself = version.room_id_is_create_hash() && self.event_type == "m.room.create";
        if names_itself == placement.room_id.is_some() {
            return Err(BuildError::RoomId);
        }
        for (field, number) in [
            ("origin_server_ts", self.origin_ts_ms),
            ("depth", placement.depth),
        ] {
            if number > MAX_INT as u64 {
                return Err(BuildError::Number(field));
            }
        }
        Ok(())
    }

    fn canonical_content(&self, version: RoomVersion) -> Result<String, BuildError> {
        // Before anything is copied: nothing larger can fit, whatever its spelling.
        let raw = self.content.get();
        if raw.len() > 8 * MAX_EVENT_BYTES {
            return Err(BuildError::TooLarge(raw.len()));
        }
        let mut value = Value::parse(raw).map_err(|e| BuildError::Content(e.to_string()))?;
        let Value::Object(entries) = &mut value else {
            return Err(BuildError::Content("not an object".to_owned()));
        };
        if let Some(redacts) = &self.redacts
            && version.rules().redaction.content_field_redacts
        {
            let entry = Value::String(redacts.as_str().into());
            match entries.binary_search_by(|(key, _)| key.as_ref().cmp("redacts")) {
                Ok(at) => entries[at].1 = entry,
                Err(at) => entries.insert(at, ("redacts".into(), entry)),
            }
        }
        let mut out = Vec::with_capacity(raw.len() + 64);
        value.write(&mut out);
        String::from_utf8(out).map_err(|e| BuildError::Content(e.to_string()))
    }
}

/// Writes the event's fields in canonical order.
struct Writer<'a> {
    draft: &'a Draft,
    version: RoomVersion,
    placement: &'a Placement<'a>,
    event_id: Option<String>,
}

impl Writer<'_> {
    fn write(
        &self,
        content: &[u8],
        content_hash: Option<&str>,
        signature: Option<(&ServerKey, &str)>,
        out: &mut Vec<u8>,
    ) {
        self.write_fields(content, content_hash, signature, true, out);
    }

    fn write_redacted(&self, content: &[u8], content_hash: &str, out: &mut Vec<u8>) {
        self.write_fields(content, Some(content_hash), None, false, out);
    }

    fn write_fields(
        &self,
        content: &[u8],
        content_hash: Option<&str>,
        signature: Option<(&ServerKey, &str)>,
        with_redacts: bool,
        out: &mut Vec<u8>,
    ) {
        let draft = self.draft;
        out.extend_from_slice(b"{\"auth_events\":");
        self.write_references(self.placement.auth_events, out);
        out.extend_from_slice(b",\"content\":");
        out.extend_from_slice(content);
        out.extend_from_slice(b",\"depth\":");
        write_int(out, self.placement.depth as i64);
        if let Some(event_id) = &self.event_id {
            out.extend_from_slice(b",\"event_id\":");
            write_string(out, event_id);
        }
        if let Some(hash) = content_hash {
            out.extend_from_slice(b",\"hashes\":{\"sha256\":");
            write_string(out, hash);
            out.push(b'}');
        }
        out.extend_from_slice(b",\"origin_server_ts\":");
        write_int(out, draft.origin_ts_ms as i64);
        out.extend_from_slice(b",\"prev_events\":");
        self.write_references(self.placement.prev_events, out);
        if let Some(redacts) = &draft.redacts
            && with_redacts
            && !self.version.rules().redaction.content_field_redacts
        {
            out.extend_from_slice(b",\"redacts\":");
            write_string(out, redacts.as_str());
        }
        if let Some(room_id) = self.placement.room_id {
            out.extend_from_slice(b",\"room_id\":");
            write_string(out, room_id.as_str());
        }
        out.extend_from_slice(b",\"sender\":");
        write_string(out, draft.sender.as_str());
        if let Some((key, signature)) = signature {
            out.extend_from_slice(b",\"signatures\":{");
            write_string(out, key.server_name().as_str());
            out.extend_from_slice(b":{");
            write_string(out, key.key_id());
            out.push(b':');
            write_string(out, signature);
            out.extend_from_slice(b"}}");
        }
        if let Some(state_key) = &draft.state_key {
            out.extend_from_slice(b",\"state_key\":");
            write_string(out, state_key);
        }
        out.extend_from_slice(b",\"type\":");
        write_string(out, &draft.event_type);
        out.push(b'}');
    }

    fn write_references(&self, references: &[Reference], out: &mut Vec<u8>) {
        let with_hashes = self.version.event_id_is_field();
        out.push(b'[');
        for (n, reference) in references.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            if with_hashes {
                out.push(b'[');
            }
            write_string(out, reference.event_id().as_str());
            if with_hashes {
                out.extend_from_slice(b",{");
                if let Some(hash) = reference.sha256() {
                    out.extend_from_slice(b"\"sha256\":");
                    write_string(out, hash);
                }
                out.extend_from_slice(b"}]");
            }
        }
        out.push(b']');
    }
}

/// `$` and the hash of the redacted event without signatures (server-server, Reference hashes).
fn reference_id(version: RoomVersion, redacted: &[u8]) -> String {
    use ruma::room_version_rules::EventIdFormatVersion;
    let hash = Sha256::digest(redacted);
    let text = match version.rules().event_id_format {
        EventIdFormatVersion::V1 | EventIdFormatVersion::V2 => base64(&hash),
        _ => base64_url(&hash),
    };
    format!("${text}")
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes)
}

fn base64_url(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
