//! Events as clients see them (client-server, Room event format), written without reading the
//! JSON again: what is the same for everybody is made once, the rest is put in while writing.

use ruma::{EventId, UserId};

use crate::canonical::{write_int, write_string};
use crate::pdu::Pdu;

/// The part of a client's event that is the same for every client. Immutable; wrap it in an
/// `Arc` to share it.
#[derive(Debug, Clone)]
pub struct ClientEvent {
    /// An open object: every field but `room_id` and `unsigned`, then `,"room_id":...`.
    text: Box<str>,
    /// Where `,"room_id"` begins in `text`.
    room_id_at: usize,
    origin_ts_ms: u64,
}

/// The device in whose name delayed events are sent (MSC4140), in transactions that are called by
/// their `delay_id`. No client can have it.
pub const DELAYED_DEVICE: &str = "\u{1}delayed";

/// Which fields a client gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As in `/sync`, where the room is known: without `room_id`.
    Sync,
    /// As everywhere else: with `room_id`.
    Full,
}

/// What stands in `unsigned`, as far as it is known. JSON parts are spliced in as they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unsigned<'a> {
    /// Now, in milliseconds since 1970: gives `age`.
    pub now_ms: Option<u64>,
    /// The sender's transaction, shown to the device that sent it and to no other.
    pub transaction_id: Option<&'a str>,
    /// What the event was called by while it waited to be sent (MSC4140), shown to its sender.
    pub delay_id: Option<&'a str>,
    /// What took the event away: JSON of the redaction in client format.
    pub redacted_because: Option<&'a str>,
    /// JSON of the content that the state event replaced.
    pub prev_content: Option<&'a str>,
    /// The state event that it replaced.
    pub replaces_state: Option<&'a EventId>,
    /// The sender of the state event that it replaced.
    pub prev_sender: Option<&'a UserId>,
    /// The reader's own membership at the event: `join`, `invite`, ...
    pub membership: Option<&'a str>,
    /// JSON of `m.relations`: bundled aggregations.
    pub relations: Option<&'a str>,
}

impl ClientEvent {
    /// Makes the fixed part. The content of a redaction and its top level both name what it
    /// redacts, whatever the room version, as clients old and new expect.
    pub fn new(pdu: &Pdu) -> Self {
        let mut out = Vec::with_capacity(pdu.content_json().len() + 384);
        out.extend_from_slice(b"{\"content\":");
        match pdu.redacts() {
            Some(redacts) => write_content_with_redacts(&mut out, pdu, redacts),
            None => out.extend_from_slice(pdu.content_json().as_bytes()),
        }
        out.extend_from_slice(b",\"event_id\":");
        write_string(&mut out, pdu.event_id().as_str());
        out.extend_from_slice(b",\"origin_server_ts\":");
        write_int(&mut out, pdu.origin_ts_ms() as i64);
        if let Some(redacts) = pdu.redacts() {
            out.extend_from_slice(b",\"redacts\":");
            write_string(&mut out, redacts.as_str());
        }
        out.extend_from_slice(b",\"sender\":");
        write_string(&mut out, pdu.sender().as_str());
        if let Some(state_key) = pdu.state_key() {
            out.extend_from_slice(b",\"state_key\":");
            write_string(&mut out, state_key);
        }
        out.extend_from_slice(b",\"type\":");
        write_string(&mut out, pdu.event_type());
        let room_id_at = out.len();
        out.extend_from_slice(b",\"room_id\":");
        write_string(&mut out, pdu.room_id().as_str());
        let text = String::from_utf8(out).expect("every piece written is UTF-8");
        Self {
            text: text.into(),
            room_id_at,
            origin_ts_ms: pdu.origin_ts_ms(),
        }
    }

    /// Appends the event.
    pub fn write(&self, format: Format, unsigned: &Unsigned<'_>, out: &mut Vec<u8>) {
        let fixed = match format {
            Format::Sync => &self.text[..self.room_id_at],
            Format::Full => &self.text[..],
        };
        out.extend_from_slice(fixed.as_bytes());
        self.write_unsigned(unsigned, out);
        out.push(b'}');
    }

    /// The event as a text of its own.
    pub fn to_json(&self, format: Format, unsigned: &Unsigned<'_>) -> String {
        let mut out = Vec::with_capacity(self.text.len() + 128);
        self.write(format, unsigned, &mut out);
        String::from_utf8(out).expect("every piece written is UTF-8")
    }

    /// What it takes in memory, in bytes.
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.text.len()
    }

    fn write_unsigned(&self, unsigned: &Unsigned<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        let field = |name: &str, out: &mut Vec<u8>| {
            let opening: &[u8] = if out.len() == start {
                b",\"unsigned\":{"
            } else {
                b","
            };
            out.extend_from_slice(opening);
            write_string(out, name);
            out.push(b':');
        };
        if let Some(now_ms) = unsigned.now_ms {
            field("age", out);
            // A server whose clock is ahead of ours sends from the future: no negative ages.
            write_int(out, now_ms.saturating_sub(self.origin_ts_ms) as i64);
        }
        let texts = [
            ("membership", unsigned.membership),
            ("prev_sender", unsigned.prev_sender.map(UserId::as_str)),
            (
                "replaces_state",
                unsigned.replaces_state.map(EventId::as_str),
            ),
            ("transaction_id", unsigned.transaction_id),
            ("org.matrix.msc4140.delay_id", unsigned.delay_id),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                field(name, out);
                write_string(out, value);
            }
        }
        let objects = [
            ("m.relations", unsigned.relations),
            ("prev_content", unsigned.prev_content),
            ("redacted_because", unsigned.redacted_because),
        ];
        for (name, value) in objects {
            if let Some(value) = value {
                field(name, out);
                out.extend_from_slice(value.as_bytes());
            }
        }
        if out.len() > start {
            out.push(b'}');
        }
    }
}

fn write_content_with_redacts(out: &mut Vec<u8>, pdu: &Pdu, redacts: &EventId) {
    let content = pdu.content_json();
    if pdu.version().rules().redaction.content_field_redacts || content_names_redacts(content) {
        out.extend_from_slice(content.as_bytes());
        return;
    }
    out.extend_from_slice(b"{\"redacts\":");
    write_string(out, redacts.as_str());
    if content != "{}" {
        out.push(b',');
    }
    out.extend_from_slice(&content.as_bytes()[1..]);
}

fn content_names_redacts(content: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Content {
        redacts: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_str::<Content>(content).is_ok_and(|content| content.redacts.is_some())
}

/// Appends the stripped form of a state event, which tells people outside about a room
/// (client-server, Stripped state): content, sender, state key and type.
pub fn write_stripped(pdu: &Pdu, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"content\":");
    out.extend_from_slice(pdu.content_json().as_bytes());
    out.extend_from_slice(b",\"sender\":");
    write_string(out, pdu.sender().as_str());
    out.extend_from_slice(b",\"state_key\":");
    write_string(out, pdu.state_key().unwrap_or_default());
    out.extend_from_slice(b",\"type\":");
    write_string(out, pdu.event_type());
    out.push(b'}');
}

/// The stripped form as a text of its own.
pub fn stripped(pdu: &Pdu) -> String {
    let mut out = Vec::with_capacity(pdu.content_json().len() + 160);
    write_stripped(pdu, &mut out);
    String::from_utf8(out).expect("every piece written is UTF-8")
}
