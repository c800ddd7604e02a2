//! This server's own keys, as it tells them.
//!
//! Specification: server-server API, "Publishing Keys".

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use causeway_events::{KeyError, ServerKey};
use causeway_store::signing_keys::OldKey;
use ruma::canonical_json::CanonicalJsonObject;
use serde_json::{Map, Value, json};

use super::document::ToldKey;
use super::known::ServerKeys;

/// How long others may believe in the present key before they ask again, in milliseconds.
const LIFETIME_MS: u64 = 24 * 3_600_000;

/// The key that this server signs with, and those it signed with before.
pub(crate) struct OwnKeys {
    key: ServerKey,
    old: Vec<OldKey>,
}

impl OwnKeys {
    pub(crate) fn new(key: ServerKey, old: Vec<OldKey>) -> Self {
        Self { key, old }
    }

    pub(crate) fn key(&self) -> &ServerKey {
        &self.key
    }

    /// The same as other servers' keys are known.
    pub(crate) fn known(&self, now_ms: u64) -> Arc<ServerKeys> {
        let told = |key: &ServerKey, valid_until_ms| ToldKey {
            key_id: key.key_id().to_owned(),
            public_key: key.public_key(),
            valid_until_ms,
        };
        let present = told(&self.key, now_ms.saturating_add(LIFETIME_MS));
        let old = self.old.iter().map(|old| told(&old.key, old.expired_at_ms));
        Arc::new(ServerKeys(std::iter::once(present).chain(old).collect()))
    }

    /// The signed document.
    pub(crate) fn document(&self, now_ms: u64) -> Result<CanonicalJsonObject, KeyError> {
        let text = |key: &ServerKey| STANDARD_NO_PAD.encode(key.public_key());
        let old = self.old.iter().map(|old| {
            let told = json!({ "key": text(&old.key), "expired_ts": old.expired_at_ms });
            (old.key.key_id().to_owned(), told)
        });
        let document = json!({
            "server_name": self.key.server_name(),
            "valid_until_ts": now_ms.saturating_add(LIFETIME_MS),
            "verify_keys": { self.key.key_id(): { "key": text(&self.key) } },
            "old_verify_keys": Value::Object(old.collect::<Map<_, _>>()),
        });
        let object = serde_json::from_value(document);
        let mut object: CanonicalJsonObject =
            object.map_err(|error| KeyError::Json(error.to_string()))?;
        self.key.sign_json(&mut object)?;
        Ok(object)
    }
}
