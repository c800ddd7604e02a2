//! The key with which a server signs.

use std::sync::Arc;

use ruma::signatures::{Ed25519KeyPair, KeyPair as _, sign_json};
use ruma::{CanonicalJsonObject, OwnedServerName, ServerName};
use zeroize::Zeroizing;

/// Why a key was not taken.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The document is no PKCS#8 Ed25519 key.
    #[error("not a PKCS#8 Ed25519 key: {0}")]
    Document(String),
    /// Versions are made of letters, digits and underscores.
    #[error("a key version has letters, digits and `_` only, and is not empty")]
    Version,
    /// The object cannot be signed: `signatures` is no object.
    #[error("this JSON cannot be signed: {0}")]
    Json(String),
}

/// A server's name with an Ed25519 key pair of it. A clone is a reference count; the secret is
/// wiped when the last one goes, and is in no `Debug`.
#[derive(Clone)]
pub struct ServerKey(Arc<Inner>);

struct Inner {
    server_name: OwnedServerName,
    key_id: String,
    pair: Ed25519KeyPair,
    der: Zeroizing<Vec<u8>>,
}

impl ServerKey {
    /// A fresh key. `version` is what follows `ed25519:` in its id. This is the one place of the
    /// crate that takes randomness from the system.
    pub fn generate(server_name: OwnedServerName, version: &str) -> Result<Self, KeyError> {
        let der = Ed25519KeyPair::generate();
        Self::from_der(server_name, version, &der)
    }

    /// A stored key: PKCS#8 DER, as [`Self::to_der`] gives it.
    pub fn from_der(
        server_name: OwnedServerName,
        version: &str,
        der: &[u8],
    ) -> Result<Self, KeyError> {
        if version.is_empty()
            || !version
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_')
        {
            return Err(KeyError::Version);
        }
        let pair = Ed25519KeyPair::from_der(der, version.to_owned())
            .map_err(|error| KeyError::Document(error.to_string()))?;
        Ok(Self(Arc::new(Inner {
            server_name,
            key_id: format!("ed25519:{version}"),
            pair,
            der: Zeroizing::new(der.to_vec()),
        })))
    }

    /// The secret, to be stored where only this server reads it.
    pub fn to_der(&self) -> Zeroizing<Vec<u8>> {
        self.0.der.clone()
    }

    /// Whose key it is.
    pub fn server_name(&self) -> &ServerName {
        &self.0.server_name
    }

    /// `ed25519:` and the version.
    pub fn key_id(&self) -> &str {
        &self.0.key_id
    }

    /// The public half, 32 bytes.
    pub fn public_key(&self) -> [u8; 32] {
        self.0.pair.public_key()
    }

    /// The key pair, for signing requests to other servers.
    pub fn pair(&self) -> &Ed25519KeyPair {
        &self.0.pair
    }

    /// The signature of these bytes, as unpadded Base64.
    pub fn sign_bytes(&self, message: &[u8]) -> String {
        self.0.pair.sign(message).base64()
    }

    /// Adds this server's signature to `object` (appendices, Signing JSON).
    pub fn sign_json(&self, object: &mut CanonicalJsonObject) -> Result<(), KeyError> {
        sign_json(self.0.server_name.as_str(), &self.0.pair, object)
            .map_err(|error| KeyError::Json(error.to_string()))
    }
}

impl std::fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ServerKey({} {})", self.0.server_name, self.0.key_id)
    }
}
