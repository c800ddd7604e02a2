//! Files of other servers, fetched once for all who ask.
//!
//! Laws:
//! - What many ask for at once is fetched once, and goes on when they leave.
//! - A file is never held in memory whole, and has a largest size and a longest time.
//! - One server's files take some of the places only, so that a slow one does not hold up the others.
//! - A server that failed is left alone for a while, and so is a file that is not there.
//!
//! Specification: server-server API, "Content repository".

mod fetch;
mod mixed;
mod places;

use std::sync::Arc;
use std::time::Duration;

use causeway_media::flight::{Flights, Grounded};
use causeway_media::{MAX_MEDIA_ID_BYTES, MAX_WAIT_MS};
use causeway_outbound::Outbound;
use quick_cache::sync::Cache;
use ruma::{OwnedServerName, ServerName};

use self::places::Places;
use crate::Federation;

/// Files that are fetched at a time.
const MAX_UNDER_WAY: usize = 128;

/// Files of one server that are fetched at a time.
const MAX_OF_ONE_SERVER: usize = 16;

/// Servers and files that are remembered as failing.
const MAX_FAILURES: usize = 20_000;

/// How long a server is left alone that failed, and a file that is not there, in milliseconds.
const FAILURE_LASTS_MS: u64 = 60_000;

/// Why there is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The other server has no such file, or does not give it.
    #[error("the other server has no such file")]
    NotFound,
    /// It is announced, or still on its way.
    #[error("the file has not come yet")]
    NotYet,
    /// It is larger than this server takes.
    #[error("the file is larger than this server takes")]
    TooLarge,
    /// Too many files are being fetched.
    #[error("too many files are being fetched")]
    Busy,
    /// The other server cannot be reached, or speaks nonsense.
    #[error("the other server cannot be reached, or did not send the file")]
    Unreachable,
    /// This server failed. The cause was logged.
    #[error("the file could not be kept")]
    Internal,
}

/// A file of another server.
type Place = (OwnedServerName, String);

/// What is being fetched, and what failed.
pub(crate) struct Fetcher {
    flights: Flights<Place, Result<(), FetchError>>,
    places: Arc<Places>,
    /// Until when servers are left alone.
    servers: Cache<OwnedServerName, u64>,
    /// Until when files are, and why.
    files: Cache<Place, (u64, FetchError)>,
    /// For files that lie elsewhere.
    outbound: Outbound,
}

impl Fetcher {
    pub(crate) fn new(outbound: Outbound) -> Self {
        Self {
            flights: Flights::new(MAX_UNDER_WAY),
            places: Arc::new(Places::new(MAX_OF_ONE_SERVER)),
            servers: Cache::new(MAX_FAILURES),
            files: Cache::new(MAX_FAILURES),
            outbound,
        }
    }

    fn known_failure(&self, place: &Place, now_ms: u64) -> Option<FetchError> {
        if let Some((until, error)) = self.files.get(place)
            && until > now_ms
        {
            return Some(error);
        }
        let until = self.servers.get(&place.0)?;
        (until > now_ms).then_some(FetchError::Unreachable)
    }

    fn note(&self, place: &Place, outcome: Result<(), FetchError>, now_ms: u64) {
        let until = now_ms + FAILURE_LASTS_MS;
        match outcome {
            Ok(()) | Err(FetchError::NotYet | FetchError::Busy | FetchError::Internal) => {}
            Err(FetchError::Unreachable) => self.servers.insert(place.0.clone(), until),
            Err(error) => self.files.insert(place.clone(), (until, error)),
        }
    }
}

impl Federation {
    /// Fetches a file of another server, of which this one keeps a copy then; waits for it up to
    /// `wait`.
    ///
    /// # Errors
    /// [`FetchError`] says why it is not here.
    pub async fn fetch_media(
        &self,
        (origin, id): (&ServerName, &str),
        wait: Duration,
    ) -> Result<(), FetchError> {
        if id.is_empty() || id.len() > MAX_MEDIA_ID_BYTES || id.contains('\0') {
            return Err(FetchError::NotFound);
        }
        let place: Place = (origin.to_owned(), id.to_owned());
        let fetcher = self.fetcher();
        if let Some(error) = fetcher.known_failure(&place, self.now_ms()) {
            return Err(error);
        }
        let work = || {
            let (federation, place) = (self.clone(), place.clone());
            async move {
                let outcome = federation.fetch_now(&place).await;
                let now_ms = federation.now_ms();
                federation.fetcher().note(&place, outcome, now_ms);
                outcome
            }
        };
        let fetched = fetcher.flights.join(place.clone(), work);
        let wait = wait.min(Duration::from_millis(MAX_WAIT_MS));
        match tokio::time::timeout(wait, fetched).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(Grounded::Full)) => Err(FetchError::Busy),
            Ok(Err(Grounded::Crashed)) => Err(FetchError::Internal),
            Err(_) => Err(FetchError::NotYet),
        }
    }
}
