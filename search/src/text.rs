//! The words of an event.

use causeway_events::Pdu;
use causeway_store::log::{EventRecord, REDACTED, REJECTED, SOFT_FAILED};
use causeway_store::search::{Key, Target, Words};
use causeway_store::{EventNid, Position, RoomNid, RoomPlace};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::reader::parse;

/// How much of a text is kept, in bytes. The rest of a longer one is not found.
const MAX_TEXT_BYTES: usize = 32 * 1024;

/// What can be searched of an event as it stands now; `None` if nothing can.
pub(crate) fn words(target: &Target) -> Option<Words> {
    if target.flags & (REJECTED | SOFT_FAILED | REDACTED) != 0 {
        return None;
    }
    let event = Event {
        room: target.room,
        nid: target.nid,
        place: target.place?,
        pdu: &parse(&target.version, &target.event_id, &target.json)?,
    };
    event.words(target.edit.as_ref())
}

/// What can be searched of an event that has just been written, where nobody can have edited it or
/// asked for its redaction before; `None` if nothing can.
pub(crate) fn new_words(position: Position, record: &EventRecord) -> Option<Words> {
    let event = Event {
        room: record.room,
        nid: record.nid,
        place: RoomPlace::live(position),
        pdu: &record.pdu,
    };
    event.words(None)
}

/// An event that counts.
struct Event<'a> {
    room: RoomNid,
    nid: EventNid,
    place: RoomPlace,
    pdu: &'a Pdu,
}

impl Event<'_> {
    /// Its words, or those of its edit.
    fn words(self, edit: Option<&(EventNid, String)>) -> Option<Words> {
        let key = key_of(self.pdu)?;
        let own = self.pdu.content_as::<Texts>().ok()?;
        let has_url = own.url.is_some();
        let edited = edit.and_then(|(nid, json)| Some((*nid, read_edit(json)?.text(key)?)));
        let (edit, text) = match edited {
            Some((nid, text)) => (Some(nid), text),
            None => (None, own.text(key)?),
        };
        Some(Words {
            room: self.room,
            event: self.nid,
            place: self.place,
            edit,
            key,
            has_url,
            sender: self.pdu.sender().to_string(),
            text: cleaned(text),
        })
    }
}

fn key_of(pdu: &Pdu) -> Option<Key> {
    let key = Key::ALL
        .into_iter()
        .find(|key| key.event_type() == pdu.event_type())?;
    let fits = match key {
        Key::Body => pdu.state_key().is_none(),
        Key::Name | Key::Topic => pdu.state_key() == Some(""),
    };
    fits.then_some(key)
}

/// What may hold text; of other types than the right one it counts as nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Texts {
    body: Text,
    name: Text,
    topic: Text,
    url: Option<IgnoredAny>,
}

/// A text, or something else that is passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Text {
    Of(String),
    Other(IgnoredAny),
    #[default]
    None,
}

impl Texts {
    fn text(self, key: Key) -> Option<String> {
        let text = match key {
            Key::Body => self.body,
            Key::Name => self.name,
            Key::Topic => self.topic,
        };
        match text {
            Text::Of(text) => Some(text),
            Text::Other(_) | Text::None => None,
        }
    }
}

fn read_edit(json: &str) -> Option<Texts> {
    #[derive(Deserialize)]
    struct Event {
        content: Content,
    }
    #[derive(Deserialize)]
    struct Content {
        #[serde(rename = "m.new_content")]
        new: Texts,
    }
    let event: Event = serde_json::from_str(json).ok()?;
    Some(event.content.new)
}

/// The database takes no zero characters, and of a very long text only the beginning counts.
fn cleaned(text: String) -> String {
    let mut text = text.replace('\0', " ");
    let mut end = MAX_TEXT_BYTES.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

#[cfg(test)]
#[path = "text_test.rs"]
mod tests;
