//! The documents in which servers tell their keys.
//!
//! Specification: server-server API, "Publishing Keys".

use std::collections::BTreeMap;

use causeway_events::signed::{base64_bytes, verifies};
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use ruma::signatures::to_canonical_json_string_for_signing;
use ruma::{OwnedServerName, ServerName};

/// Keys in one document.
const MAX_KEYS: usize = 32;

/// Longest key id, in bytes.
const MAX_KEY_ID_BYTES: usize = 255;

/// How long a document is believed at most, whatever it says. Specification: `valid_until_ts`,
/// "MUST use the lesser of this field and 7 days into the future".
pub(crate) const MAX_LIFETIME_MS: u64 = 7 * 24 * 3_600_000;

/// Why a document of keys is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// A field is missing or of the wrong kind.
    #[error("the keys lack `{0}`, or it is malformed")]
    Field(&'static str),
    /// It is of another server than the one that was asked.
    #[error("the keys are of another server")]
    OtherServer,
    /// It has too many keys.
    #[error("too many keys")]
    TooMany,
    /// It is not signed with a key that it tells.
    #[error("the keys are not signed with themselves")]
    Unsigned,
    /// The notary that passed it on did not sign it.
    #[error("the keys are not signed by the notary")]
    NoNotary,
}

/// A key as a document tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ToldKey {
    pub(crate) key_id: String,
    pub(crate) public_key: [u8; 32],
    /// Up to when it is valid, in milliseconds since 1970; in the past for keys out of use.
    pub(crate) valid_until_ms: u64,
}

/// A document that was checked.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) server: OwnedServerName,
    pub(crate) keys: Vec<ToldKey>,
    /// What the document says, not more than [`MAX_LIFETIME_MS`] from when it was read.
    pub(crate) valid_until_ms: u64,
    pub(crate) object: CanonicalJsonObject,
}

impl Document {
    /// Reads a document and checks that it is signed with one of its own keys. `expected`: whose it
    /// must be.
    pub(crate) fn read(
        object: CanonicalJsonObject,
        expected: Option<&ServerName>,
        now_ms: u64,
    ) -> Result<Self, DocumentError> {
        let server = object
            .get("server_name")
            .and_then(CanonicalJsonValue::as_str);
        let server = server.and_then(|it| OwnedServerName::try_from(it).ok());
        let server = server.ok_or(DocumentError::Field("server_name"))?;
        if expected.is_some_and(|expected| *expected != *server) {
            return Err(DocumentError::OtherServer);
        }
        let until = milliseconds(&object, "valid_until_ts")?;
        let valid_until_ms = until.min(now_ms.saturating_add(MAX_LIFETIME_MS));
        let current = keys_in(&object, "verify_keys")?;
        let mut keys = Vec::new();
        for (key_id, key) in current {
            let public_key = public_key(key).ok_or(DocumentError::Field("verify_keys"))?;
            keys.push(ToldKey {
                key_id,
                public_key,
                valid_until_ms,
            });
        }
        check_own_signature(&object, &server, &keys)?;
        if object.contains_key("old_verify_keys") {
            for (key_id, key) in keys_in(&object, "old_verify_keys")? {
                let old = DocumentError::Field("old_verify_keys");
                let public_key = public_key(key).ok_or(old)?;
                keys.push(ToldKey {
                    key_id,
                    public_key,
                    valid_until_ms: milliseconds(key, "expired_ts")?.min(now_ms),
                });
            }
        }
        if keys.len() > MAX_KEYS {
            return Err(DocumentError::TooMany);
        }
        Ok(Self {
            server,
            keys,
            valid_until_ms,
            object,
        })
    }

    /// Checks the signature of the notary that passed the document on.
    pub(crate) fn check_notary(
        &self,
        notary: &ServerName,
        key: impl Fn(&str) -> Option<[u8; 32]>,
    ) -> Result<(), DocumentError> {
        let text = to_canonical_json_string_for_signing(&self.object);
        let text = text.map_err(|_| DocumentError::Unsigned)?;
        let signed = signatures(&self.object, notary).any(|(key_id, signature)| {
            key(key_id).is_some_and(|key| verifies(&key, &signature, text.as_bytes()))
        });
        signed.then_some(()).ok_or(DocumentError::NoNotary)
    }
}

/// All signatures with keys of the document must be right, and one must be there.
fn check_own_signature(
    object: &CanonicalJsonObject,
    server: &ServerName,
    keys: &[ToldKey],
) -> Result<(), DocumentError> {
    let text = to_canonical_json_string_for_signing(object);
    let text = text.map_err(|_| DocumentError::Unsigned)?;
    let known: BTreeMap<&str, &[u8; 32]> = keys
        .iter()
        .map(|key| (key.key_id.as_str(), &key.public_key))
        .collect();
    let mut is_signed = false;
    for (key_id, signature) in signatures(object, server) {
        if let Some(public_key) = known.get(key_id) {
            if !verifies(public_key, &signature, text.as_bytes()) {
                return Err(DocumentError::Unsigned);
            }
            is_signed = true;
        }
    }
    is_signed.then_some(()).ok_or(DocumentError::Unsigned)
}

/// The Ed25519 signatures of a server on an object.
fn signatures<'a>(
    object: &'a CanonicalJsonObject,
    server: &ServerName,
) -> impl Iterator<Item = (&'a str, Vec<u8>)> {
    let all = object
        .get("signatures")
        .and_then(CanonicalJsonValue::as_object);
    let list = all.and_then(|all| all.get(server.as_str()));
    let list = list.and_then(CanonicalJsonValue::as_object);
    list.into_iter()
        .flatten()
        .take(MAX_KEYS)
        .filter_map(|(key_id, signature)| {
            Some((key_id.as_str(), base64_bytes(signature.as_str()?)?))
        })
}

/// The Ed25519 keys of a section; those of other algorithms are for others.
fn keys_in<'a>(
    object: &'a CanonicalJsonObject,
    section: &'static str,
) -> Result<Vec<(String, &'a CanonicalJsonObject)>, DocumentError> {
    let wrong = || DocumentError::Field(section);
    let section = object.get(section).and_then(CanonicalJsonValue::as_object);
    let section = section.ok_or_else(wrong)?;
    if section.len() > MAX_KEYS {
        return Err(DocumentError::TooMany);
    }
    let ed25519 = section
        .iter()
        .filter(|(id, _)| id.starts_with("ed25519:") && id.len() <= MAX_KEY_ID_BYTES);
    ed25519
        .map(|(id, key)| Ok((id.clone(), key.as_object().ok_or_else(wrong)?)))
        .collect()
}

fn public_key(key: &CanonicalJsonObject) -> Option<[u8; 32]> {
    let text = key.get("key").and_then(CanonicalJsonValue::as_str)?;
    base64_bytes(text)?.try_into().ok()
}

fn milliseconds(object: &CanonicalJsonObject, field: &'static str) -> Result<u64, DocumentError> {
    let number = object.get(field).and_then(|value| match value {
        CanonicalJsonValue::Integer(number) => u64::try_from(i64::from(*number)).ok(),
        _ => None,
    });
    number.ok_or(DocumentError::Field(field))
}

#[cfg(test)]
#[path = "document_test.rs"]
mod document_test;
