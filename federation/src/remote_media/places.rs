//! How many files of one server are fetched at a time.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use ruma::{OwnedServerName, ServerName};

/// Places that are taken, by server.
pub(super) struct Places {
    taken: Mutex<HashMap<OwnedServerName, usize>>,
    most: usize,
}

/// A place that is taken, until this is dropped.
pub(super) struct Taken {
    places: Arc<Places>,
    server: OwnedServerName,
}

impl Places {
    /// At most `most` of one server.
    pub(super) fn new(most: usize) -> Self {
        Self {
            taken: Mutex::default(),
            most,
        }
    }

    /// Takes a place of a server's, if there is one.
    pub(super) fn take(self: &Arc<Self>, server: &ServerName) -> Option<Taken> {
        let mut taken = self.taken.lock();
        let count = taken.entry(server.to_owned()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Taken {
            places: self.clone(),
            server: server.to_owned(),
        })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        if let Some(count) = taken.get_mut(&self.server) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.server);
            }
        }
    }
}
