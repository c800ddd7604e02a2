//! Sending events, setting state, taking events away, and reading them.
//!
//! The parameter `ts` is for application services only ("Timestamp massaging"); that of a user is
//! passed over.

mod context;
mod event;
mod list;
mod near;
mod redact;
mod send;
mod set_state;

pub use context::context;
pub use event::event;
pub use list::list;
pub use near::near;
pub use redact::redact;
pub use send::send;
pub use set_state::set_state;

use ruma::TransactionId;

use super::error::ApiError;

/// Longest transaction id that is remembered, in bytes.
const MAX_TXN_ID_BYTES: usize = 255;

/// The client's transaction id, if it is short enough to be remembered.
fn checked_txn_id(txn_id: &TransactionId) -> Result<String, ApiError> {
    if txn_id.as_str().len() > MAX_TXN_ID_BYTES {
        return Err(ApiError::invalid_param("The transaction id is too long"));
    }
    Ok(txn_id.to_string())
}
