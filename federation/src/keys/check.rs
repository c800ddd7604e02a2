//! Events of strangers: format, hash, signatures.
//!
//! Specification: server-server API, "Checks performed on receipt of a PDU", 1 to 3.

use causeway_events::signed::{SignatureError, Signed};
use causeway_events::{FormatError, Pdu, RoomVersion};
use causeway_store::StoreError;
use serde_json::value::RawValue;

use super::{KeyRing, Wanted};

/// Why a stranger's text is not taken as an event.
#[derive(Debug, thiserror::Error)]
pub enum BadEvent {
    /// It is not one of its room version.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Its sender is not proved.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Looking at it failed inside of this server.
    #[error("the event could not be checked")]
    Unchecked,
}

impl KeyRing {
    /// Reads and checks events of strangers, in their order: the format of the room's version, the
    /// hash of the content (where it does not match the event is redacted), and the signatures of
    /// all servers that must have signed. Keys are fetched for all at once; computing is spread over
    /// the machine's threads.
    ///
    /// # Errors
    /// The database's.
    pub async fn check_events(
        &self,
        events: Vec<(RoomVersion, Box<RawValue>)>,
    ) -> Result<Vec<Result<Pdu, BadEvent>>, StoreError> {
        let read = |(version, raw): (RoomVersion, Box<RawValue>)| {
            let pdu = Pdu::from_stranger(version, raw.get())?;
            let signed = Signed::read(&pdu)?;
            Ok::<_, BadEvent>((pdu, signed))
        };
        let read = self.0.workers.map(events, read).await;
        let read: Vec<Result<(Pdu, Signed), BadEvent>> = read
            .into_iter()
            .map(|read| read.unwrap_or(Err(BadEvent::Unchecked)))
            .collect();
        let wanted: Vec<Wanted<'_>> = read
            .iter()
            .flatten()
            .flat_map(|(_, signed)| {
                signed.keys().map(|(server, key_id)| Wanted {
                    server,
                    key_id,
                    valid_at_ms: signed.valid_at_ms(),
                })
            })
            .collect();
        let keys = self.keys(&wanted).await?;
        drop(wanted);
        let check = move |read: Result<(Pdu, Signed), BadEvent>| {
            let (pdu, signed) = read?;
            let valid_at_ms = signed.valid_at_ms();
            signed.check(|server, key_id| keys.find(server, key_id, valid_at_ms))?;
            Ok(pdu)
        };
        let checked = self.0.workers.map(read, check).await;
        let checked = checked
            .into_iter()
            .map(|checked| checked.unwrap_or(Err(BadEvent::Unchecked)));
        Ok(checked.collect())
    }
}
