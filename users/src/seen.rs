//! When devices were last seen: noted in memory, written every few seconds in one statement.

use std::collections::HashMap;
use std::net::IpAddr;

use causeway_store::StoreError;
use causeway_store::users::devices::{self, MAX_SEEN_BATCH, Seen};
use parking_lot::Mutex;
use ruma::{DeviceId, UserId};

use crate::Users;

/// A device's sight is written again only after this time, in milliseconds.
pub(crate) const SEEN_EVERY_MS: u64 = 60_000;

/// Most devices that wait to be written. More than that in one interval are written later, when
/// they are seen again.
const MAX_WAITING: usize = 50_000;

#[derive(Default)]
pub(crate) struct LastSeen(Mutex<HashMap<(String, String), Seen>>);

impl LastSeen {
    pub(crate) fn note(&self, user_id: &UserId, device_id: &DeviceId, ip: IpAddr, at_ms: u64) {
        let mut waiting = self.0.lock();
        if waiting.len() >= MAX_WAITING {
            return;
        }
        let key = (user_id.to_string(), device_id.to_string());
        let seen = Seen {
            user_id: key.0.clone(),
            device_id: key.1.clone(),
            at_ms,
            ip: Some(ip.to_string()),
        };
        waiting.insert(key, seen);
    }

    fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.0.lock()).into_values().collect()
    }

    /// What is known of a user's device and not written yet.
    pub(crate) fn peek(&self, user_id: &UserId, device_id: &str) -> Option<Seen> {
        let key = (user_id.to_string(), device_id.to_owned());
        self.0.lock().get(&key).cloned()
    }
}

impl Users {
    /// Writes when devices were last seen, now. To be called once more when the server stops.
    ///
    /// # Errors
    /// The database's; what was to be written is lost then, and noted again by later requests.
    pub async fn flush_seen(&self) -> Result<(), StoreError> {
        let seen = self.0.seen.take();
        for batch in seen.chunks(MAX_SEEN_BATCH) {
            devices::write_seen(self.store(), batch).await?;
        }
        Ok(())
    }
}
