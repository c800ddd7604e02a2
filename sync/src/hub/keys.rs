//! Numbers of one-time keys in the hub.

use std::collections::HashMap;
use std::sync::Arc;

use causeway_store::users::one_time_keys::KeyCounts;
use ruma::{DeviceId, OwnedDeviceId, OwnedUserId};

use super::Hub;

/// Devices with what they have left, counted again after the log said that it changed.
pub(crate) type Counted = HashMap<(OwnedUserId, OwnedDeviceId), Arc<KeyCounts>>;

impl Hub {
    /// What a device has left, if that is known; if not, how often the keys of the user's devices
    /// have changed, as [`Hub::set_key_counts`] wants to know.
    pub(crate) fn key_counts(
        &self,
        user: &OwnedUserId,
        device: &DeviceId,
    ) -> Result<Arc<KeyCounts>, u64> {
        let Some(user) = self.users.get(user) else {
            return Err(0);
        };
        let known = user
            .devices
            .get(device)
            .and_then(|device| device.keys.clone());
        known.ok_or(user.key_changes)
    }

    /// Takes in what was counted, unless keys changed meanwhile. Gives whether it did.
    pub(crate) fn set_key_counts(
        &mut self,
        user: &OwnedUserId,
        device: &DeviceId,
        counted: &Arc<KeyCounts>,
        changes: u64,
    ) -> bool {
        let Some(user) = self.users.get_mut(user) else {
            return true;
        };
        if user.key_changes != changes {
            return false;
        }
        user.device(device).keys = Some(counted.clone());
        true
    }

    /// Whether what a device has left has to be counted when it changes.
    pub(crate) fn counts_keys_of(&self, user: &OwnedUserId, device: &DeviceId) -> bool {
        let device = self
            .users
            .get(user)
            .and_then(|user| user.devices.get(device));
        device.is_some_and(|device| device.keys.is_some())
    }

    /// The keys of a device changed. Gives whether the device must hear of it now: when the last
    /// key of an algorithm is gone, or a fallback key was given out.
    pub(super) fn keys_changed(
        &mut self,
        user: &OwnedUserId,
        device: &OwnedDeviceId,
        counted: &Counted,
    ) -> bool {
        let Some(known) = self.users.get_mut(user) else {
            return false;
        };
        known.key_changes += 1;
        let Some(known) = known.devices.get_mut(device) else {
            return false;
        };
        let now = counted.get(&(user.clone(), device.clone())).cloned();
        let before = std::mem::replace(&mut known.keys, now);
        match (before, &known.keys) {
            (Some(before), Some(now)) => runs_out(&before, now),
            _ => false,
        }
    }
}

fn runs_out(before: &KeyCounts, now: &KeyCounts) -> bool {
    let left = |algorithm: &String| now.one_time.get(algorithm).is_some_and(|left| *left > 0);
    let unused = |algorithm: &String| now.unused_fallback.contains(algorithm);
    before
        .one_time
        .iter()
        .any(|(algorithm, count)| *count > 0 && !left(algorithm))
        || before.unused_fallback.iter().any(|one| !unused(one))
}
