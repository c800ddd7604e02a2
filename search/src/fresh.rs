//! What was just written, as the log's tail tells it.

use causeway_store::RoomNid;
use causeway_store::log::{Entry, EventRecord, HIDDEN, LogEntry, REDACTED};
use causeway_store::search::{TYPES, Words};

use crate::text;

/// What a step is about.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// Words of events that are as they came.
    pub words: Vec<Words>,
    /// Events of which the tables must be asked how they stand now: room and id, each once.
    pub named: Vec<(RoomNid, String)>,
}

impl Step {
    /// All of it must be asked for.
    pub(crate) fn about(mut named: Vec<(RoomNid, String)>) -> Self {
        named.sort_unstable();
        named.dedup();
        Self {
            words: Vec::new(),
            named,
        }
    }

    /// What entries of the log are about. What changes the words of an event after it stands in the
    /// log after it, too, and is seen to with its own entry.
    pub(crate) fn of_news(entries: &[LogEntry]) -> Self {
        let (mut words, mut named) = (Vec::new(), Vec::new());
        for LogEntry { position, entry } in entries {
            let Entry::Event(record) = entry else {
                continue;
            };
            if !TYPES.contains(&record.pdu.event_type()) {
                continue;
            }
            if is_first(record) {
                words.extend(text::new_words(*position, record));
            } else {
                named.extend(concerns(record).map(|id| (record.room, id)));
            }
        }
        Self {
            words,
            ..Self::about(named)
        }
    }
}

/// Whether an event is itself to be found, and nothing about it can have come before it: a client
/// of this server sent it, and nobody knew its id. Others may come after their edits and
/// redactions.
fn is_first(record: &EventRecord) -> bool {
    let is_edit = |kind: &str| kind == "m.replace";
    record.sent_by.is_some()
        && record.flags & (HIDDEN | REDACTED) == 0
        && !record.was_outlier
        && record.pdu.event_type() != "m.room.redaction"
        && !record
            .relation
            .as_ref()
            .is_some_and(|it| is_edit(&it.rel_type))
}

/// The event whose words an event may change: itself, or what it redacts. Which event an edit
/// replaces is looked up.
fn concerns(record: &EventRecord) -> Option<String> {
    if record.pdu.event_type() != "m.room.redaction" {
        return Some(record.pdu.event_id().to_string());
    }
    Some(record.pdu.redacts()?.to_string())
}
