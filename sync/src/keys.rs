//! What clients hear of keys: whose they have to look up again, and how many one-time keys their
//! device has left, which is told with every answer.
//!
//! The latter numbers are kept in the hub while the device syncs, so that an answer out of memory needs
//! no query. They are counted once when the device comes, and again when the log says that they
//! changed.

use std::sync::Arc;

use causeway_store::StoreError;
use causeway_store::users::one_time_keys::{self, KeyCounts};

use ruma::UserId;

use crate::engine::{Inner, Sync, SyncError, SyncRequest};
use crate::read::devices::{self, DeviceLists};
use crate::token::Token;

/// Attempts to count while the numbers keep changing; then what was counted last is told.
const MAX_ATTEMPTS: usize = 3;

impl Inner {
    /// What the device of a request has left.
    ///
    /// # Errors
    /// If the database does not answer.
    pub(crate) async fn key_counts(
        &self,
        request: &SyncRequest,
    ) -> Result<Arc<KeyCounts>, StoreError> {
        let Some(device) = &request.device_id else {
            return Ok(Arc::default());
        };
        let mut counted = Arc::default();
        for _ in 0..MAX_ATTEMPTS {
            let known = self.hub.lock().key_counts(&request.user_id, device);
            let changes = match known {
                Ok(counts) => return Ok(counts),
                Err(changes) => changes,
            };
            let (user, device) = (request.user_id.as_str(), device.as_str());
            let found = one_time_keys::count(&self.store, &[user], &[device]).await?;
            counted = Arc::new(found.into_values().next().unwrap_or_default());
            let device = device.into();
            let mut hub = self.hub.lock();
            if hub.set_key_counts(&request.user_id, device, &counted, changes) {
                break;
            }
        }
        Ok(counted)
    }
}

impl Sync {
    /// Whose devices and keys the client has to look up again since a token, and whose no more.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn device_lists(&self, user: &UserId, from: Token) -> Result<DeviceLists, SyncError> {
        devices::since(&self.inner, user, from).await
    }
}
