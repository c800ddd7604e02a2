//! Asking servers, and notaries, for keys.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use causeway_store::server_keys::{self as table, KeyDocument, ServerKeyRow};
use causeway_store::{Clock, Store, StoreError};
use futures::future::{BoxFuture, FutureExt as _, Shared};
use futures::stream::{self, StreamExt as _};
use parking_lot::Mutex;
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedServerName, ServerName};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::document::{Document, DocumentError};
use crate::links::{LinkError, Links};
use crate::patience::Patience;

/// Servers that are asked at a time, for one request for keys.
const AT_ONCE: usize = 64;

/// Servers that are asked at a time in all; who wants more does without.
const MAX_FLIGHTS: usize = 1_024;

/// Longest time for one server.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Longest time for all servers of one request for keys.
const DEADLINE: Duration = Duration::from_secs(60);

/// Largest document of keys, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// Servers from which on notaries are asked first.
const NOTARIES_FIRST: usize = 8;

/// Servers of one question to a notary.
const NOTARY_PART: usize = 200;

/// Largest answer of a notary, in bytes.
const MAX_NOTARY_BYTES: usize = 8 * 1024 * 1024;

/// Why a server's keys were not fetched.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Flight = Shared<BoxFuture<'static, bool>>;

/// Asks for keys. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Fetcher(Arc<Inner>);

struct Inner {
    links: Links,
    store: Store,
    clock: Clock,
    notaries: Vec<OwnedServerName>,
    patience: Patience,
    flights: Mutex<HashMap<OwnedServerName, Flight>>,
}

/// Takes a flight out when it ends, however it ends.
struct Landing(Fetcher, OwnedServerName);

impl Drop for Landing {
    fn drop(&mut self) {
        self.0.0.flights.lock().remove(&self.1);
    }
}

/// What notaries answer.
#[derive(Deserialize)]
struct NotaryAnswer {
    server_keys: Vec<CanonicalJsonObject>,
}

impl Fetcher {
    pub(crate) fn new(
        links: Links,
        store: Store,
        clock: Clock,
        notaries: Vec<OwnedServerName>,
    ) -> Self {
        let notaries = notaries.into_iter();
        let notaries = notaries.filter(|it| it != links.server_name()).collect();
        Self(Arc::new(Inner {
            links,
            store,
            clock,
            notaries,
            patience: Patience::new(),
            flights: Mutex::default(),
        }))
    }

    pub(crate) fn forgive(&self, server: &ServerName) {
        self.0.patience.forgive(server);
    }

    /// Asks for the keys of these servers and keeps them; gives those of which keys came.
    pub(crate) async fn fetch(
        &self,
        mut wanted: BTreeSet<OwnedServerName>,
    ) -> BTreeSet<OwnedServerName> {
        let now_ms = self.0.clock.now_ms();
        wanted.retain(|server| self.0.patience.may_ask(server, now_ms));
        let mut fetched = BTreeSet::new();
        if wanted.is_empty() {
            return fetched;
        }
        let all = async {
            if wanted.len() >= NOTARIES_FIRST {
                self.ask_notaries(&mut wanted, &mut fetched).await;
            }
            self.ask_directly(&mut wanted, &mut fetched).await;
            self.ask_notaries(&mut wanted, &mut fetched).await;
        };
        // What came until then is kept.
        let _ = tokio::time::timeout(DEADLINE, all).await;
        fetched
    }

    async fn ask_directly(
        &self,
        wanted: &mut BTreeSet<OwnedServerName>,
        fetched: &mut BTreeSet<OwnedServerName>,
    ) {
        let servers: Vec<_> = wanted.iter().cloned().collect();
        let mut answers = stream::iter(servers)
            .map(|server| async move { (self.once(server.clone()).await, server) })
            .buffer_unordered(AT_ONCE);
        while let Some((has_answered, server)) = answers.next().await {
            if has_answered {
                wanted.remove(&server);
                fetched.insert(server);
            }
        }
    }

    /// Asks a server, or waits for who does so already.
    async fn once(&self, server: OwnedServerName) -> bool {
        let flight = {
            let mut flights = self.0.flights.lock();
            match flights.get(&server) {
                Some(flight) => flight.clone(),
                None if flights.len() >= MAX_FLIGHTS => return false,
                None => {
                    let landing = Landing(self.clone(), server.clone());
                    // A task of its own: others may wait for it when the first has gone.
                    let task = tokio::spawn(async move { landing.0.ask(&landing.1).await });
                    let flight = task.map(|done| done.unwrap_or(false)).boxed().shared();
                    flights.insert(server, flight.clone());
                    flight
                }
            }
        };
        flight.await
    }

    async fn ask(&self, server: &ServerName) -> bool {
        let outcome = self.fetch_direct(server).await;
        let now_ms = self.0.clock.now_ms();
        self.0.patience.note(server, outcome.is_ok(), now_ms);
        match outcome {
            Ok(()) => true,
            Err(FetchError::Store(error)) => {
                tracing::error!(%server, %error, "keys of a server were not kept");
                false
            }
            Err(error) => {
                tracing::debug!(%server, %error, "a server does not tell its keys");
                false
            }
        }
    }

    async fn fetch_direct(&self, server: &ServerName) -> Result<(), FetchError> {
        let request = self.0.links.get(server, "/_matrix/key/v2/server");
        let request = request.unsigned().within(TIMEOUT).at_most(MAX_BYTES);
        let object: CanonicalJsonObject = request.send().await?.json()?;
        let now_ms = self.0.clock.now_ms();
        let document = Document::read(object, Some(server), now_ms)?;
        self.keep(&[document], true).await?;
        Ok(())
    }

    async fn keep(&self, documents: &[Document], is_direct: bool) -> Result<(), StoreError> {
        let rows = documents.iter().flat_map(|document| {
            document.keys.iter().map(|key| ServerKeyRow {
                server_name: document.server.to_string(),
                key_id: key.key_id.clone(),
                public_key: key.public_key,
                valid_until_ms: key.valid_until_ms,
            })
        });
        let rows: Vec<_> = rows.collect();
        table::keep(&self.0.store, &rows, is_direct).await?;
        let documents = documents.iter().filter_map(|document| {
            Some(KeyDocument {
                server_name: document.server.to_string(),
                document: serde_json::to_string(&document.object).ok()?,
                valid_until_ms: document.valid_until_ms,
            })
        });
        let documents: Vec<_> = documents.collect();
        table::keep_documents(&self.0.store, &documents).await
    }

    async fn ask_notaries(
        &self,
        wanted: &mut BTreeSet<OwnedServerName>,
        fetched: &mut BTreeSet<OwnedServerName>,
    ) {
        for notary in &self.0.notaries {
            let servers: Vec<_> = wanted.iter().filter(|it| *it != notary).cloned().collect();
            for part in servers.chunks(NOTARY_PART) {
                match self.ask_notary(notary, part).await {
                    Ok(told) => {
                        for server in told {
                            wanted.remove(&server);
                            fetched.insert(server);
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%notary, %error, "a notary does not tell keys");
                        break;
                    }
                }
            }
        }
    }

    /// Asks a notary for keys of servers, keeps what it is believed, and gives of whom that is.
    async fn ask_notary(
        &self,
        notary: &ServerName,
        servers: &[OwnedServerName],
    ) -> Result<Vec<OwnedServerName>, FetchError> {
        let now_ms = self.0.clock.now_ms();
        let own_keys = self.notary_keys(notary, now_ms).await?;
        let wish = |server: &OwnedServerName| (server.to_string(), json!({}));
        let body = json!({
            "server_keys": Value::Object(servers.iter().map(wish).collect::<Map<_, _>>()),
        });
        let request = self.0.links.post(notary, "/_matrix/key/v2/query");
        let request = request.unsigned().within(TIMEOUT).at_most(MAX_NOTARY_BYTES);
        let answer: NotaryAnswer = request.json(&body)?.send().await?.json()?;
        let mut documents = Vec::new();
        for object in answer.server_keys.into_iter().take(servers.len() * 2) {
            let read = Document::read(object, None, now_ms);
            let checked = read.and_then(|document| {
                let key = |key_id: &str| own_keys.iter().find(|it| it.key_id == key_id);
                document.check_notary(notary, |id| key(id).map(|it| it.public_key))?;
                Ok(document)
            });
            match checked {
                Ok(document) if servers.contains(&document.server) => documents.push(document),
                Ok(_) => {}
                Err(error) => tracing::debug!(%notary, %error, "keys from a notary are wrong"),
            }
        }
        self.keep(&documents, false).await?;
        Ok(documents.into_iter().map(|it| it.server).collect())
    }

    /// The keys that a notary signs with: those of the database while they are valid, or else what it
    /// tells itself.
    async fn notary_keys(
        &self,
        notary: &ServerName,
        now_ms: u64,
    ) -> Result<Vec<ServerKeyRow>, FetchError> {
        let load = || async {
            let keys = table::load(&self.0.store, &[notary.as_str()]).await?;
            let valid = keys.into_iter().filter(|key| key.valid_until_ms >= now_ms);
            Ok::<Vec<_>, StoreError>(valid.collect())
        };
        let mut keys = load().await?;
        if keys.is_empty() && self.0.patience.may_ask(notary, now_ms) {
            self.once(notary.to_owned()).await;
            keys = load().await?;
        }
        Ok(keys)
    }
}
