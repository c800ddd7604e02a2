//! The key ring: whose keys are valid, and when.
//!
//! Keys are looked for in memory, then in the database (one query for all servers), then at the
//! servers themselves and at the notaries that the operator trusts. A server that does not answer
//! is asked ever more rarely, whatever is wanted of it.
//!
//! Specification: server-server API, "Retrieving server keys".
//!
//! ```text
//! let events = ring.check_events(vec![(version, raw), ..]).await?;  // Vec<Result<Pdu, BadEvent>>
//! let keys = ring.keys(&[Wanted { server, key_id, valid_at_ms }]).await?;
//! ```

mod check;
mod document;
mod fetch;
mod known;
mod notary;
mod own;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use causeway_events::{KeyError, ServerKey};
use causeway_store::server_keys as table;
use causeway_store::{Clock, Store, StoreError, signing_keys};
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedServerName, ServerName};

pub use self::check::BadEvent;
pub use self::document::DocumentError;
use self::document::ToldKey;
use self::fetch::Fetcher;
pub use self::known::Keys;
use self::known::{KeyCache, ServerKeys};
pub use self::notary::{MAX_VOUCHED, Wishes};
use self::own::OwnKeys;
use crate::links::Links;
use crate::workers::Workers;

/// A key that is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Whose.
    pub server: &'a ServerName,
    /// Which one, as in `ed25519:abc`.
    pub key_id: &'a str,
    /// When it must have been valid, in milliseconds since 1970; `None`: whenever it was.
    pub valid_at_ms: Option<u64>,
}

/// The key ring of a server. Cheap to clone.
#[derive(Clone)]
pub struct KeyRing(Arc<Inner>);

struct Inner {
    own: OwnKeys,
    store: Store,
    clock: Clock,
    cache: KeyCache,
    fetcher: Fetcher,
    workers: Workers,
    /// Who else wants to know that a server has spoken.
    ear: OnceLock<Ear>,
}

/// Is told which server has spoken.
type Ear = Box<dyn Fn(&ServerName) + Send + Sync>;

impl KeyRing {
    /// Opens the ring with the key that this server signs with. `notaries` are asked for keys of
    /// servers that do not answer themselves, and first where many are wanted.
    ///
    /// # Errors
    /// If the database does not answer or an old key of this server does not parse.
    pub async fn open(
        store: Store,
        clock: Clock,
        links: Links,
        key: ServerKey,
        notaries: Vec<OwnedServerName>,
    ) -> Result<Self, StoreError> {
        let old = signing_keys::load_old(&store, key.server_name()).await?;
        let fetcher = Fetcher::new(links, store.clone(), clock.clone(), notaries);
        Ok(Self(Arc::new(Inner {
            own: OwnKeys::new(key, old),
            store,
            clock,
            cache: KeyCache::new(),
            fetcher,
            workers: Workers::new(),
            ear: OnceLock::new(),
        })))
    }

    /// The key that this server signs with.
    pub fn own(&self) -> &ServerKey {
        self.0.own.key()
    }

    /// What this server tells of its own keys, signed.
    ///
    /// # Errors
    /// If it cannot be signed, which would be a fault in this program.
    pub fn own_document(&self) -> Result<CanonicalJsonObject, KeyError> {
        self.0.own.document(self.0.clock.now_ms())
    }

    /// Keys to check signatures with. What cannot be had, or was not valid when it had to be, is not
    /// in the answer.
    ///
    /// # Errors
    /// The database's.
    pub async fn keys(&self, wanted: &[Wanted<'_>]) -> Result<Keys, StoreError> {
        let servers: BTreeSet<&ServerName> = wanted.iter().map(|it| it.server).collect();
        let mut keys = self.known(&servers).await?;
        let missing: BTreeSet<OwnedServerName> = wanted
            .iter()
            .filter(|it| it.server != self.own().server_name())
            .filter(|it| keys.find(it.server, it.key_id, it.valid_at_ms).is_none())
            .map(|it| it.server.to_owned())
            .collect();
        if missing.is_empty() {
            return Ok(keys);
        }
        let fetched = self.0.fetcher.fetch(missing).await;
        for server in &fetched {
            self.0.cache.remove(server);
        }
        let fetched: BTreeSet<&ServerName> = fetched.iter().map(|it| &**it).collect();
        keys.0.extend(self.known(&fetched).await?.0);
        Ok(keys)
    }

    /// The key with which a server signs now; nothing if it has none of this id, or it is no longer
    /// valid.
    ///
    /// # Errors
    /// The database's.
    pub async fn present_key(
        &self,
        server: &ServerName,
        key_id: &str,
    ) -> Result<Option<[u8; 32]>, StoreError> {
        let valid_at_ms = Some(self.0.clock.now_ms());
        let wanted = Wanted {
            server,
            key_id,
            valid_at_ms,
        };
        let keys = self.keys(&[wanted]).await?;
        Ok(keys.find(server, key_id, valid_at_ms))
    }

    /// Something signed came from a server: if it did not answer before, it is worth asking again.
    pub fn heard_from(&self, server: &ServerName) {
        self.0.fetcher.forgive(server);
        if let Some(ear) = self.0.ear.get() {
            ear(server);
        }
    }

    /// Has `ear` told of each server that speaks with a valid signature. Only the first one is.
    pub(crate) fn listen(&self, ear: impl Fn(&ServerName) + Send + Sync + 'static) {
        let _ = self.0.ear.set(Box::new(ear));
    }

    /// What is known without asking anybody outside. One query at most.
    async fn known(&self, servers: &BTreeSet<&ServerName>) -> Result<Keys, StoreError> {
        let mut keys = Keys::default();
        let mut absent = Vec::new();
        for &server in servers {
            if server == self.own().server_name() {
                let own = self.0.own.known(self.0.clock.now_ms());
                keys.0.insert(server.to_owned(), own);
            } else if let Some(known) = self.0.cache.get(server) {
                keys.0.insert(server.to_owned(), known);
            } else {
                absent.push(server);
            }
        }
        if absent.is_empty() {
            return Ok(keys);
        }
        let names: Vec<&str> = absent.iter().map(|server| server.as_str()).collect();
        let mut found: HashMap<String, Vec<ToldKey>> = HashMap::new();
        for row in table::load(&self.0.store, &names).await? {
            found.entry(row.server_name).or_default().push(ToldKey {
                key_id: row.key_id,
                public_key: row.public_key,
                valid_until_ms: row.valid_until_ms,
            });
        }
        for server in absent {
            let known = found.remove(server.as_str()).unwrap_or_default();
            if known.is_empty() {
                continue;
            }
            let known = Arc::new(ServerKeys(known));
            self.0.cache.put(server.to_owned(), known.clone());
            keys.0.insert(server.to_owned(), known);
        }
        Ok(keys)
    }
}
