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

/// Longest name of a program that is kept, in bytes.
const MAX_USER_AGENT_BYTES: usize = 256;

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// The address, behind trusted proxies the one that they tell.
    pub ip: IpAddr,
    /// The program, as it calls itself (`User-Agent`).
    pub user_agent: Option<&'a str>,
}

impl From<IpAddr> for Caller<'_> {
    fn from(ip: IpAddr) -> Self {
        Self {
            ip,
            user_agent: None,
        }
    }
}

fn shortened(user_agent: &str) -> String {
    user_agent[..user_agent.floor_char_boundary(MAX_USER_AGENT_BYTES)].to_owned()
}

#[derive(Default)]
pub(crate) struct LastSeen(Mutex<HashMap<(String, String), Seen>>);

impl LastSeen {
    pub(crate) fn note(
        &self,
        user_id: &UserId,
        device_id: &DeviceId,
        caller: Caller<'_>,
        at_ms: u64,
    ) {
        let mut waiting = self.0.lock();
        if waiting.len() >= MAX_WAITING {
            return;
        }
        let key = (user_id.to_string(), device_id.to_string());
        let seen = Seen {
            user_id: key.0.clone(),
            device_id: key.1.clone(),
            at_ms,
            ip: Some(caller.ip.to_string()),
            user_agent: caller.user_agent.map(shortened),
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
