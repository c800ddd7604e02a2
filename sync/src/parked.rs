//! Requests that wait.

use std::sync::Arc;

use ruma::{OwnedDeviceId, OwnedUserId};

use crate::engine::Inner;
use crate::hub::Waiter;

/// A request that is registered at the hub; when it is dropped, nothing of it is left.
#[derive(Debug)]
pub(crate) struct Parked<'a> {
    pub inner: &'a Inner,
    pub user: &'a OwnedUserId,
    pub id: u64,
    pub waiter: Arc<Waiter>,
}

impl<'a> Parked<'a> {
    /// Registers a request of a user's device.
    pub(crate) fn new(
        inner: &'a Inner,
        user: &'a OwnedUserId,
        device: Option<OwnedDeviceId>,
    ) -> Self {
        let waiter = Arc::new(Waiter::new(device));
        let id = inner.hub.lock().park(user, waiter.clone());
        Self {
            inner,
            user,
            id,
            waiter,
        }
    }

    /// Whether it has to be answered at once.
    pub(crate) fn must_answer(&self) -> bool {
        self.waiter.has_given_up() || self.inner.hub.lock().is_draining
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        let now_ms = self.inner.clock.now_ms();
        self.inner.hub.lock().leave(self.user, self.id, now_ms);
    }
}
