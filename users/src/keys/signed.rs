//! Signed JSON objects, and the signatures on them (appendices, "Signing JSON").

use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use ruma::serde::Base64;
use ruma::serde::base64::Standard;
use ruma::signatures::{
    SigningKeyAlgorithm, to_canonical_json_string_for_signing, verify_canonical_json_bytes,
};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::{KeyError, MAX_OBJECT_BYTES};

/// Bytes of an ed25519 key.
const ED25519_BYTES: usize = 32;

/// Reads an object; `unsigned` is left out, it is the server's.
pub(super) fn object(raw: &RawValue) -> Result<CanonicalJsonObject, KeyError> {
    if raw.get().len() > MAX_OBJECT_BYTES {
        return Err(KeyError::TooLarge("the keys are too large"));
    }
    let mut object = parse(raw.get())?;
    object.remove("unsigned");
    Ok(object)
}

/// Reads an object that is stored here.
pub(super) fn parse(json: &str) -> Result<CanonicalJsonObject, KeyError> {
    serde_json::from_str(json).map_err(|error| KeyError::BadJson(error.to_string()))
}

/// As it is stored.
pub(super) fn text(object: &CanonicalJsonObject) -> Result<String, KeyError> {
    serde_json::to_string(object).map_err(|error| KeyError::BadJson(error.to_string()))
}

/// What is signed: the object without its signatures.
pub(super) fn signed_part(object: &CanonicalJsonObject) -> Result<String, KeyError> {
    to_canonical_json_string_for_signing(object)
        .map_err(|error| KeyError::BadJson(error.to_string()))
}

/// SHA-256 of a key without its signatures.
pub(super) fn fingerprint(key: &CanonicalJsonValue) -> Result<[u8; 32], KeyError> {
    let text = match key {
        CanonicalJsonValue::Object(object) => signed_part(object)?,
        other => {
            serde_json::to_string(other).map_err(|error| KeyError::BadJson(error.to_string()))?
        }
    };
    Ok(Sha256::digest(text.as_bytes()).into())
}

/// A text in an object.
pub(super) fn string<'a>(object: &'a CanonicalJsonObject, field: &str) -> Option<&'a str> {
    match object.get(field) {
        Some(CanonicalJsonValue::String(text)) => Some(text),
        _ => None,
    }
}

/// An object in an object.
pub(super) fn inner<'a>(
    object: &'a CanonicalJsonObject,
    field: &str,
) -> Option<&'a CanonicalJsonObject> {
    match object.get(field) {
        Some(CanonicalJsonValue::Object(inner)) => Some(inner),
        _ => None,
    }
}

/// The signatures that a user made on an object, as pairs of key and signature.
pub(super) fn signatures_of<'a>(
    object: &'a CanonicalJsonObject,
    user: &str,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let signatures = inner(object, "signatures").and_then(|all| inner(all, user));
    let signatures = signatures.into_iter().flatten();
    signatures.filter_map(|(key, signature)| match signature {
        CanonicalJsonValue::String(signature) => Some((key.as_str(), signature.as_str())),
        _ => None,
    })
}

/// Whether `signature` is one of the signed part of `object` by the ed25519 key `public_key`.
pub(super) fn verifies(object: &CanonicalJsonObject, public_key: &str, signature: &str) -> bool {
    let (Some(key), Some(signature)) = (public_key_bytes(public_key), base64(signature)) else {
        return false;
    };
    let Ok(text) = signed_part(object) else {
        return false;
    };
    let algorithm = &SigningKeyAlgorithm::Ed25519;
    verify_canonical_json_bytes(algorithm, &key, &signature, text.as_bytes()).is_ok()
}

/// The bytes of an ed25519 key.
pub(super) fn public_key_bytes(text: &str) -> Option<Vec<u8>> {
    base64(text).filter(|bytes| bytes.len() == ED25519_BYTES)
}

fn base64(text: &str) -> Option<Vec<u8>> {
    Base64::<Standard>::parse(text).ok().map(Base64::into_inner)
}
