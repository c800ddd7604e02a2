//! The key of a server made by hand.

use std::sync::Arc;

use ruma::room_version_rules::RoomVersionRules;
use ruma::signatures::{Ed25519KeyPair, hash_and_sign_event, reference_hash, sign_json};
use ruma::{CanonicalJsonObject, RoomVersionId};
use serde_json::{Value, json};

/// A server's name with a key of it.
#[derive(Clone)]
pub struct RemoteKey {
    name: String,
    version: String,
    pair: Arc<Ed25519KeyPair>,
    old: Vec<(String, String, u64)>,
}

impl RemoteKey {
    /// A fresh key; `version` is what follows `ed25519:`.
    ///
    /// # Panics
    /// Never, unless randomness fails.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        let der = Ed25519KeyPair::generate();
        let pair = Ed25519KeyPair::from_der(&der, version.to_owned()).expect("a key");
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            pair: Arc::new(pair),
            old: Vec::new(),
        }
    }

    /// A fresh key in place of this one, which tells that the old one went out of use then
    /// (milliseconds since 1970).
    #[must_use]
    pub fn successor(&self, version: &str, expired_ms: u64) -> Self {
        let mut next = Self::new(&self.name, version);
        next.old.clone_from(&self.old);
        next.old.push((self.id(), self.public(), expired_ms));
        next
    }

    /// `ed25519:` and the version.
    #[must_use]
    pub fn id(&self) -> String {
        format!("ed25519:{}", self.version)
    }

    fn public(&self) -> String {
        let key: ruma::serde::Base64 = ruma::serde::Base64::new(self.pair.public_key().to_vec());
        key.encode()
    }

    /// The document in which it is told, valid up to that time (milliseconds since 1970).
    ///
    /// # Panics
    /// Never: it is canonical JSON.
    #[must_use]
    pub fn document(&self, valid_until_ms: u64) -> Value {
        let old = self.old.iter();
        let old = old.map(|(id, key, at)| (id.clone(), json!({"key": key, "expired_ts": at})));
        self.signed(json!({
            "server_name": self.name,
            "valid_until_ts": valid_until_ms,
            "verify_keys": { self.id(): { "key": self.public() } },
            "old_verify_keys": Value::Object(old.collect()),
        }))
    }

    /// An object with its signature.
    ///
    /// # Panics
    /// When it is no object of canonical JSON.
    #[must_use]
    pub fn signed(&self, object: Value) -> Value {
        let mut object: CanonicalJsonObject = serde_json::from_value(object).expect("an object");
        self.sign_as(&self.name, &mut object);
        serde_json::to_value(object).expect("JSON")
    }

    /// Signs an object in any name.
    ///
    /// # Panics
    /// When `signatures` is there and is no object.
    pub fn sign_as(&self, name: &str, object: &mut CanonicalJsonObject) {
        sign_json(name, &*self.pair, object).expect("an object to sign");
    }

    /// An event with its hash and signature, and its id.
    ///
    /// # Panics
    /// When it is no event, or the version is not known.
    #[must_use]
    pub fn event(&self, version: &str, event: Value) -> (String, Value) {
        let rules = rules(version);
        let mut event: CanonicalJsonObject = serde_json::from_value(event).expect("an object");
        hash_and_sign_event(&self.name, &*self.pair, &mut event, &rules.redaction)
            .expect("an event");
        let event = serde_json::to_value(event).expect("JSON");
        (event_id(version, &event), event)
    }
}

/// The id of an event.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn event_id(version: &str, event: &Value) -> String {
    let event: CanonicalJsonObject = serde_json::from_value(event.clone()).expect("an object");
    match event.get("event_id").and_then(|it| it.as_str()) {
        Some(id) => id.to_owned(),
        None => format!(
            "${}",
            reference_hash(&event, &rules(version)).expect("an event")
        ),
    }
}

/// The rules of a room version.
fn rules(version: &str) -> RoomVersionRules {
    let id = RoomVersionId::try_from(version).expect("a room version");
    id.rules().expect("a known room version")
}
