//! Redactions of other servers (rooms, version 3, "Handling redactions").

use causeway_events::Pdu;
use causeway_events::redact::redact;
use causeway_store::log::{EventRecord, REDACTED, RedactedEvent};
use ruma::OwnedEventId;

use super::weigh::Weigher;
use crate::head::Head;

/// Whether a redaction that was accepted takes effect: its sender may redact what others say, or
/// what it redacts is of the same server.
pub(super) fn may_redact(head: &Head, redaction: &Pdu, target: &Pdu) -> bool {
    let power = head.power();
    power.user(redaction.sender()).reaches(power.redact())
        || redaction.sender().server_name() == target.sender().server_name()
}

impl Weigher<'_> {
    /// Blanks what the event redacts, if that is here. Gives what readers are told: nothing, if the
    /// redaction has no effect.
    pub(super) fn redact(&mut self, record: &EventRecord) -> Option<OwnedEventId> {
        let target_id = record.pdu.redacts()?;
        let Some(target) = self.graph.find(target_id) else {
            return Some(target_id.to_owned());
        };
        if !may_redact(&self.head, &record.pdu, &target.pdu) {
            return None;
        }
        let already = self
            .batch
            .redacted
            .iter()
            .any(|known| known.target == target.nid);
        if target.flags & REDACTED == 0 && !already {
            let left = redact(self.head.version(), &target.pdu);
            self.batch.redacted.push(RedactedEvent {
                target: target.nid,
                target_id: target_id.to_owned(),
                json: left.json().to_owned(),
                redaction: record.nid,
            });
            self.head.replace_redacted(target.nid, &left);
        }
        Some(target_id.to_owned())
    }
}
