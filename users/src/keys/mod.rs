//! Keys for end-to-end encryption: what devices and users publish, what others ask for.
//! Specification: client-server API, "End-to-End Encryption".
//!
//! Laws:
//! - a one-time key is given to one asker only;
//! - keys, and the news that they changed, are written in one transaction;
//! - signatures are checked as far as the keys to do so are here; what a device says of itself is
//!   for clients to check.
//!
//! Start reading at `upload.rs`, then `query.rs` and `claim.rs`; cross-signing is in
//! `cross_signing.rs` and `signatures.rs`.

mod claim;
mod cross_signing;
mod device_list;
mod query;
mod signatures;
mod signed;
mod upload;

pub use self::claim::{ClaimedKeys, Claims};
pub use self::cross_signing::{CheckedKeys, CrossSigningUpload, Standing};
pub use self::device_list::{DeviceList, ListedDevice};
pub use self::query::{KeyAnswer, KeyWishes};
pub use self::signatures::{Failure, Failures, SignedObjects};
pub use self::upload::KeyUpload;
pub(crate) use self::upload::{device_keys, pre_keys};

use causeway_store::{AppendError, StoreError};
use serde_json::{Value, json};

/// Largest object of identity or cross-signing keys, in bytes.
pub const MAX_OBJECT_BYTES: usize = 65_536;

/// Largest one-time or fallback key, in bytes.
pub const MAX_KEY_BYTES: usize = 8_192;

/// Longest algorithm or key id, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// One-time and fallback keys in one upload.
pub const MAX_UPLOADED: usize = 1_000;

/// Users, devices or objects in one request.
pub const MAX_ASKED: usize = 10_000;

/// Why keys were not published or found.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// An object lacks fields, or has them in a wrong form.
    #[error("{0}")]
    BadJson(String),
    /// A key is not one, or somebody else's.
    #[error("{0}")]
    InvalidParam(&'static str),
    /// A signature does not verify.
    #[error("{0}")]
    InvalidSignature(&'static str),
    /// There is no master key, and none comes with the request.
    #[error("no master key is available")]
    NoMasterKey,
    /// A cross-signing key is called like a device of its user.
    #[error("a key is the same as the id of one of your devices")]
    KeyIsDevice,
    /// Another key of this name is there.
    #[error("a one-time key {0} exists already, with other content")]
    Taken(String),
    /// Too many or too large.
    #[error("{0}")]
    TooLarge(&'static str),
    /// The device has been deleted.
    #[error("the device has been deleted")]
    NoDevice,
    /// The keys were changed by another request at the same time.
    #[error("the keys were changed at the same time; try again")]
    Raced,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log failed.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// What is said about a server that could not be asked.
fn unreachable_server() -> Value {
    json!({
        "errcode": "M_UNKNOWN",
        "error": "This server does not speak with other servers",
    })
}

#[cfg(test)]
#[path = "signed_test.rs"]
mod signed_test;
