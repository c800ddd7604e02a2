//! How often a server is asked for something, such as its keys: not again at once after it answered,
//! and ever more rarely while it does not.

use quick_cache::sync::Cache;
use ruma::{OwnedServerName, ServerName};

/// Servers that are remembered.
const REMEMBERED: usize = 20_000;

/// Wait after an answer, in milliseconds: whoever makes up names of keys does not make this
/// server ask for each.
const AFTER_ANSWER_MS: u64 = 60_000;

/// Wait after a first failure, in milliseconds; it doubles with each further one.
const AFTER_FAILURE_MS: u64 = 30_000;

/// Doublings at most: to an hour.
const MAX_DOUBLINGS: u32 = 7;

#[derive(Clone, Copy)]
struct Asked {
    again_at_ms: u64,
    failures: u32,
}

/// When servers may be asked again.
pub(crate) struct Patience(Cache<OwnedServerName, Asked>);

impl Patience {
    pub(crate) fn new() -> Self {
        Self(Cache::new(REMEMBERED))
    }

    /// Whether a server may be asked now.
    pub(crate) fn may_ask(&self, server: &ServerName, now_ms: u64) -> bool {
        let asked = self.0.get(server);
        asked.is_none_or(|asked| asked.again_at_ms <= now_ms)
    }

    /// Notes how it went.
    pub(crate) fn note(&self, server: &ServerName, has_answered: bool, now_ms: u64) {
        let failures = match (has_answered, self.0.get(server)) {
            (true, _) => 0,
            (false, before) => before.map_or(1, |asked| asked.failures.saturating_add(1)),
        };
        let wait_ms = match failures {
            0 => AFTER_ANSWER_MS,
            failures => AFTER_FAILURE_MS << (failures - 1).min(MAX_DOUBLINGS),
        };
        let asked = Asked {
            again_at_ms: now_ms.saturating_add(wait_ms),
            failures,
        };
        self.0.insert(server.to_owned(), asked);
    }

    /// Something was heard from the server: its next failure is its first.
    pub(crate) fn forgive(&self, server: &ServerName) {
        if self.0.get(server).is_some_and(|asked| asked.failures > 0) {
            self.0.remove(server);
        }
    }
}

#[cfg(test)]
#[path = "patience_test.rs"]
mod patience_test;
