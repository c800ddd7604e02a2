//! Signatures of events: who must have signed, with which keys, and whether they did.
//!
//! Specification: server-server API, "Validating hashes and signatures on received events". The
//! hash of the content is checked where a stranger's event is read ([`Pdu::from_stranger`]).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue, redact_in_place};
use ruma::signatures::{
    required_server_signatures_to_verify_event, to_canonical_json_string_for_signing,
    verify_canonical_json_bytes,
};
use ruma::{OwnedServerName, ServerName, SigningKeyAlgorithm};

use crate::Pdu;

/// Unpadded Base64, as Matrix writes it; padding is taken, too.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Signatures of one server on one event that are looked at.
const MAX_SIGNATURES: usize = 8;

/// Why an event's signatures do not prove who sent it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A server that has to sign did not.
    #[error("no signature of {0}")]
    Missing(OwnedServerName),
    /// None of the keys that a server signed with is known, or was valid at the time.
    #[error("no valid key of {0}")]
    NoKey(OwnedServerName),
    /// A signature is wrong.
    #[error("a wrong signature of {0}")]
    Wrong(OwnedServerName),
    /// The event does not say who must sign.
    #[error("{0}")]
    Malformed(String),
}

/// What has to be checked of an event's signatures.
#[derive(Debug)]
pub struct Signed {
    text: String,
    origin_ts_ms: Option<u64>,
    signers: BTreeMap<OwnedServerName, Vec<(String, Vec<u8>)>>,
}

impl Signed {
    /// Reads who must have signed an event, and their signatures.
    ///
    /// # Errors
    /// [`SignatureError::Missing`] or [`SignatureError::Malformed`].
    pub fn read(pdu: &Pdu) -> Result<Self, SignatureError> {
        let rules = pdu.version().rules();
        let malformed =
            |error: &dyn std::fmt::Display| SignatureError::Malformed(error.to_string());
        let mut object = pdu.to_object();
        let servers = required_server_signatures_to_verify_event(&object, &rules.signatures);
        let servers = servers.map_err(|error| malformed(&error))?;
        let signatures = object.get("signatures");
        let signatures = signatures.and_then(CanonicalJsonValue::as_object).cloned();
        let signatures = signatures.unwrap_or_default();
        let mut signers = BTreeMap::new();
        for server in servers {
            let found = signatures_of(&signatures, &server);
            if found.is_empty() {
                return Err(SignatureError::Missing(server));
            }
            signers.insert(server, found);
        }
        redact_in_place(&mut object, &rules.redaction, None).map_err(|error| malformed(&error))?;
        let text = to_canonical_json_string_for_signing(&object);
        Ok(Self {
            text: text.map_err(|error| malformed(&error))?,
            origin_ts_ms: rules.enforce_key_validity.then(|| pdu.origin_ts_ms()),
            signers,
        })
    }

    /// The keys that the event was signed with, of the servers that had to sign.
    pub fn keys(&self) -> impl Iterator<Item = (&ServerName, &str)> {
        self.signers.iter().flat_map(|(server, signatures)| {
            signatures
                .iter()
                .map(move |(key_id, _)| (&**server, key_id.as_str()))
        })
    }

    /// When the keys must have been valid, in milliseconds since 1970; nothing in versions 1 to 4,
    /// which do not ask for it.
    pub fn valid_at_ms(&self) -> Option<u64> {
        self.origin_ts_ms
    }

    /// Checks the signatures. `key` gives the public key of a server's key id, if it was valid at
    /// [`Self::valid_at_ms`]. Signatures with other keys do not count; of those that count none
    /// may be wrong.
    ///
    /// # Errors
    /// [`SignatureError::NoKey`] or [`SignatureError::Wrong`].
    pub fn check(
        &self,
        key: impl Fn(&ServerName, &str) -> Option<[u8; 32]>,
    ) -> Result<(), SignatureError> {
        for (server, signatures) in &self.signers {
            let mut is_known = false;
            for (key_id, signature) in signatures {
                let Some(public_key) = key(server, key_id) else {
                    continue;
                };
                is_known = true;
                if !verifies(&public_key, signature, self.text.as_bytes()) {
                    return Err(SignatureError::Wrong(server.clone()));
                }
            }
            if !is_known {
                return Err(SignatureError::NoKey(server.clone()));
            }
        }
        Ok(())
    }
}

fn signatures_of(all: &CanonicalJsonObject, server: &ServerName) -> Vec<(String, Vec<u8>)> {
    let list = all
        .get(server.as_str())
        .and_then(CanonicalJsonValue::as_object);
    list.into_iter()
        .flatten()
        .filter(|(key_id, _)| key_id.starts_with("ed25519:"))
        .filter_map(|(key_id, signature)| {
            Some((key_id.clone(), base64_bytes(signature.as_str()?)?))
        })
        .take(MAX_SIGNATURES)
        .collect()
}

/// Whether `signature` is that of `message` by the Ed25519 key `public_key`.
pub fn verifies(public_key: &[u8; 32], signature: &[u8], message: &[u8]) -> bool {
    verify_canonical_json_bytes(
        &SigningKeyAlgorithm::Ed25519,
        public_key,
        signature,
        message,
    )
    .is_ok()
}

/// The bytes of unpadded or padded Base64.
pub fn base64_bytes(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}
