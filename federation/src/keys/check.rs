//! Events of strangers: format, hash, signatures.
//!
//! Specification: server-server API, "Checks performed on receipt of a PDU", 1 to 3.

use causeway_events::signed::{SignatureError, Signed};
use causeway_events::{FormatError, Pdu, RoomVersion};
use causeway_store::StoreError;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use ruma::OwnedEventId;
use serde_json::value::RawValue;

use super::{KeyRing, Wanted};
use crate::error::ApiError;

/// Why a stranger's text is not taken as an event.
#[derive(Debug, thiserror::Error)]
pub enum BadEvent {
    /// It is not one of its room version.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Its sender is not proved.
    #[error("{error}")]
    Signature {
        /// Which event.
        event_id: OwnedEventId,
        /// Why not.
        error: SignatureError,
    },
    /// Looking at it failed inside of this server.
    #[error("the event could not be checked")]
    Unchecked,
}

impl BadEvent {
    fn unsigned(pdu: &Pdu) -> impl FnOnce(SignatureError) -> Self + use<> {
        let event_id = pdu.owned_event_id().clone();
        move |error| Self::Signature { event_id, error }
    }
}

impl KeyRing {
    /// One event, as [`Self::check_events`] has many.
    ///
    /// # Errors
    /// Why it is none, or the database's.
    pub(crate) async fn check_event(
        &self,
        version: RoomVersion,
        raw: Box<RawValue>,
    ) -> Result<Pdu, ApiError> {
        let mut checked = self.check_events(vec![(version, raw)]).await?;
        let checked = checked.pop().unwrap_or(Err(BadEvent::Unchecked));
        Ok(checked?)
    }

    /// Reads and checks events of strangers, in their order: the format of the room's version, the
    /// hash of the content (where it does not match the event is redacted), and the signatures of
    /// all servers that must have signed. Keys are fetched for all at once; computing is spread over
    /// the machine's threads.
    ///
    /// # Errors
    /// The database's.
    pub fn check_events(
        &self,
        events: Vec<(RoomVersion, Box<RawValue>)>,
    ) -> BoxFuture<'_, Result<Vec<Result<Pdu, BadEvent>>, StoreError>> {
        self.check_all(events).boxed()
    }

    async fn check_all(
        &self,
        events: Vec<(RoomVersion, Box<RawValue>)>,
    ) -> Result<Vec<Result<Pdu, BadEvent>>, StoreError> {
        let read = |(version, raw): (RoomVersion, Box<RawValue>)| {
            let pdu = Pdu::from_stranger(version, raw.get())?;
            let signed = Signed::read(&pdu).map_err(BadEvent::unsigned(&pdu))?;
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
            let checked = signed.check(|server, key_id| keys.find(server, key_id, valid_at_ms));
            checked.map_err(BadEvent::unsigned(&pdu))?;
            Ok(pdu)
        };
        let checked = self.0.workers.map(read, check).await;
        let checked = checked
            .into_iter()
            .map(|checked| checked.unwrap_or(Err(BadEvent::Unchecked)));
        Ok(checked.collect())
    }
}
