//! One-time keys for those who want to speak to a device.

use std::collections::{BTreeMap, BTreeSet};

use causeway_store::users::one_time_keys::{self as store, Wanted};
use causeway_store::{Change, meter};
use ruma::{OwnedDeviceId, OwnedUserId};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{KeyError, MAX_ASKED, unreachable_server};
use crate::Users;

/// Devices of which other keys are left, told to readers in one go.
const MAX_TOLD: usize = 512;

/// Which keys are wanted: an algorithm for each device of each user.
pub type Claims = BTreeMap<OwnedUserId, BTreeMap<OwnedDeviceId, String>>;

/// The answer to a claim.
#[derive(Debug, Default, Serialize)]
pub struct ClaimedKeys {
    /// By user, device and `algorithm:id`. What could not be had is missing.
    pub one_time_keys: BTreeMap<String, BTreeMap<String, BTreeMap<String, Box<RawValue>>>>,
    /// Servers that could not be asked.
    pub failures: BTreeMap<String, Value>,
}

impl Users {
    /// Takes one-time keys, or fallback keys where none are left.
    ///
    /// # Errors
    /// [`KeyError::TooLarge`], or those of database and log.
    pub async fn claim_keys(&self, claims: Claims) -> Result<ClaimedKeys, KeyError> {
        if claims.values().map(BTreeMap::len).sum::<usize>() > MAX_ASKED {
            return Err(KeyError::TooLarge("too many devices at once"));
        }
        let mut answer = ClaimedKeys::default();
        let (local, remote): (Claims, Claims) = claims
            .into_iter()
            .partition(|(user, _)| self.is_local(user));
        for user in remote.keys() {
            let server = user.server_name().to_string();
            answer.failures.insert(server, unreachable_server());
        }
        if local.is_empty() {
            return Ok(answer);
        }
        let users = self.clone();
        // What is taken must be told to readers even if the client goes away meanwhile.
        let claimed = meter::to_the_end(async move { users.take(&local).await }).await?;
        for key in claimed {
            let keys = RawValue::from_string(key.keys)
                .map_err(|error| KeyError::BadJson(error.to_string()))?;
            let devices = answer.one_time_keys.entry(key.user_id).or_default();
            let device = devices.entry(key.device_id).or_default();
            device.insert(key.name, keys);
        }
        Ok(answer)
    }

    async fn take(&self, claims: &Claims) -> Result<Vec<store::Claimed>, KeyError> {
        let wanted: Vec<Wanted<'_>> = claims
            .iter()
            .flat_map(|(user, devices)| {
                devices.iter().map(|(device, algorithm)| Wanted {
                    user_id: user.as_str(),
                    device_id: device.as_str(),
                    algorithm,
                })
            })
            .collect();
        let claimed = store::claim(self.store(), &wanted, self.now_ms()).await?;
        let touched: BTreeSet<(&str, &str)> = claimed
            .iter()
            .map(|key| (key.user_id.as_str(), key.device_id.as_str()))
            .collect();
        let touched = touched
            .into_iter()
            .filter_map(|(user, device)| Some((OwnedUserId::try_from(user).ok()?, device.into())));
        let touched: Vec<(OwnedUserId, OwnedDeviceId)> = touched.collect();
        for part in touched.chunks(MAX_TOLD) {
            self.log()
                .append(Change::OneTimeKeys(part.to_vec()))
                .await?;
        }
        Ok(claimed)
    }
}
