//! What is known of servers' keys, in memory.

use std::collections::HashMap;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use ruma::{OwnedServerName, ServerName};

use super::document::ToldKey;

/// Memory for keys of other servers, in bytes.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// Servers that the cache is laid out for.
const EXPECTED_SERVERS: usize = 20_000;

/// Bytes of a key in memory besides its id, and of a server besides its name.
const OVERHEAD_BYTES: usize = 120;

/// The keys of one server.
#[derive(Debug, Default)]
pub(crate) struct ServerKeys(pub(crate) Vec<ToldKey>);

impl ServerKeys {
    /// The key of this id, if it was valid at that time (milliseconds since 1970; `None`: at any).
    pub(crate) fn find(&self, key_id: &str, valid_at_ms: Option<u64>) -> Option<[u8; 32]> {
        let key = self.0.iter().find(|key| key.key_id == key_id)?;
        let is_valid = valid_at_ms.is_none_or(|at| at <= key.valid_until_ms);
        is_valid.then_some(key.public_key)
    }
}

#[derive(Clone)]
struct Bytes;

impl Weighter<OwnedServerName, Arc<ServerKeys>> for Bytes {
    fn weight(&self, name: &OwnedServerName, keys: &Arc<ServerKeys>) -> u64 {
        let keys = keys.0.iter();
        let bytes = keys
            .map(|key| key.key_id.len() + OVERHEAD_BYTES)
            .sum::<usize>();
        (bytes + name.as_str().len() + OVERHEAD_BYTES) as u64
    }
}

/// A cache of keys, bounded in bytes.
pub(crate) struct KeyCache(Cache<OwnedServerName, Arc<ServerKeys>, Bytes>);

impl KeyCache {
    pub(crate) fn new() -> Self {
        Self(Cache::with_weighter(EXPECTED_SERVERS, CACHE_BYTES, Bytes))
    }

    pub(crate) fn get(&self, server: &ServerName) -> Option<Arc<ServerKeys>> {
        self.0.get(server)
    }

    pub(crate) fn put(&self, server: OwnedServerName, keys: Arc<ServerKeys>) {
        self.0.insert(server, keys);
    }

    pub(crate) fn remove(&self, server: &ServerName) {
        self.0.remove(server);
    }
}

/// Keys of some servers, ready to check signatures with.
#[derive(Clone, Debug, Default)]
pub struct Keys(pub(crate) HashMap<OwnedServerName, Arc<ServerKeys>>);

impl Keys {
    /// The key of this id of a server, if it was valid at that time (milliseconds since 1970;
    /// `None`: whenever it was).
    pub fn find(
        &self,
        server: &ServerName,
        key_id: &str,
        valid_at_ms: Option<u64>,
    ) -> Option<[u8; 32]> {
        self.0.get(server)?.find(key_id, valid_at_ms)
    }
}
