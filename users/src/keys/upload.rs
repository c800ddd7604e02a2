//! What a device publishes: its identity keys, one-time keys and fallback keys.

use std::collections::BTreeMap;

use causeway_store::log::{KeyChange, PreKey};
use causeway_store::users::device_keys as stored_keys;
use causeway_store::users::one_time_keys::{self as store, KeyCounts, Uploaded};
use causeway_store::{Change, meter};
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use ruma::{DeviceId, UserId};
use serde_json::value::RawValue;

use super::signed::{self, fingerprint, inner, string};
use super::{KeyError, MAX_KEY_BYTES, MAX_NAME_BYTES, MAX_UPLOADED};
use crate::Users;

/// The algorithm that clients want to hear of even when nothing is left.
const USUAL_ALGORITHM: &str = "signed_curve25519";

/// What a device uploads; each part may be missing.
#[derive(Debug, Default)]
pub struct KeyUpload {
    /// Identity keys.
    pub device_keys: Option<Box<RawValue>>,
    /// By `algorithm:id`.
    pub one_time_keys: BTreeMap<String, Box<RawValue>>,
    /// By `algorithm:id`.
    pub fallback_keys: BTreeMap<String, Box<RawValue>>,
}

impl Users {
    /// Publishes keys of a device. Gives what is left of one-time keys.
    ///
    /// # Errors
    /// [`KeyError`] says why not. Identity keys that come with wrong one-time keys are kept.
    pub async fn upload_keys(
        &self,
        user: &UserId,
        device: &DeviceId,
        upload: KeyUpload,
    ) -> Result<KeyCounts, KeyError> {
        if upload.one_time_keys.len() + upload.fallback_keys.len() > MAX_UPLOADED {
            return Err(KeyError::TooLarge("too many keys at once"));
        }
        let one_time = pre_keys(&upload.one_time_keys)?;
        let fallback = one_of_each(pre_keys(&upload.fallback_keys)?);
        if let Some(keys) = &upload.device_keys {
            let keys = device_keys(keys, user, device)?;
            self.publish_device(user, device, keys).await?;
        }
        let mut counts = if one_time.is_empty() && fallback.is_empty() {
            let found = store::count(self.store(), &[user.as_str()], &[device.as_str()]).await?;
            found.into_values().next().unwrap_or_default()
        } else {
            self.add_pre_keys(user, device, one_time, fallback).await?
        };
        let usual = USUAL_ALGORITHM.to_owned();
        counts.one_time.entry(usual).or_insert(0);
        Ok(counts)
    }

    async fn publish_device(
        &self,
        user: &UserId,
        device: &DeviceId,
        keys: String,
    ) -> Result<(), KeyError> {
        let wanted = [(user.as_str(), Some(device.as_str()))];
        let known = stored_keys::devices(self.store(), &wanted).await?;
        if known.first().is_some_and(|known| known.keys == keys) {
            return Ok(());
        }
        let change = KeyChange::Device {
            user: user.to_owned(),
            device: device.to_owned(),
            keys,
        };
        self.log().append(Change::Keys(change)).await?;
        Ok(())
    }

    /// Readers are told even if the client goes away meanwhile.
    async fn add_pre_keys(
        &self,
        user: &UserId,
        device: &DeviceId,
        one_time: Vec<PreKey>,
        fallback: Vec<PreKey>,
    ) -> Result<KeyCounts, KeyError> {
        let (users, user, device) = (self.clone(), user.to_owned(), device.to_owned());
        let work = async move {
            let (name, id) = (user.as_str(), device.as_str());
            let now_ms = users.now_ms();
            let store = users.store();
            match store::upload(store, name, id, &one_time, &fallback, now_ms).await? {
                Uploaded::Done(counts) => {
                    let change = Change::OneTimeKeys(vec![(user, device)]);
                    users.log().append(change).await?;
                    Ok(counts)
                }
                Uploaded::NoDevice => Err(KeyError::NoDevice),
                Uploaded::Taken(name) => Err(KeyError::Taken(name)),
                Uploaded::TooMany => Err(KeyError::TooLarge("the device has too many keys")),
            }
        };
        meter::to_the_end(work).await
    }
}

/// Checks the identity keys of a device; gives them as they are stored.
pub(crate) fn device_keys(
    raw: &RawValue,
    user: &UserId,
    device: &DeviceId,
) -> Result<String, KeyError> {
    let keys = signed::object(raw)?;
    if string(&keys, "user_id") != Some(user.as_str()) {
        return Err(bad("`user_id` of the device keys is not the user's"));
    }
    if string(&keys, "device_id") != Some(device.as_str()) {
        return Err(bad("`device_id` of the device keys is not the device's"));
    }
    let algorithms = match keys.get("algorithms") {
        Some(CanonicalJsonValue::Array(list)) => list.iter().all(is_string),
        _ => false,
    };
    if !algorithms {
        return Err(bad(
            "`algorithms` of the device keys is not a list of texts",
        ));
    }
    if !inner(&keys, "keys").is_some_and(|keys| keys.values().all(is_string)) {
        return Err(bad("`keys` of the device keys is not an object of texts"));
    }
    if !has_signatures(&keys) {
        return Err(bad(
            "`signatures` of the device keys is not an object of signatures",
        ));
    }
    signed::text(&keys)
}

/// Checks one-time or fallback keys.
pub(crate) fn pre_keys(keys: &BTreeMap<String, Box<RawValue>>) -> Result<Vec<PreKey>, KeyError> {
    keys.iter().map(|(name, key)| pre_key(name, key)).collect()
}

fn pre_key(name: &str, raw: &RawValue) -> Result<PreKey, KeyError> {
    let is_name = |text: &str| {
        !text.is_empty() && text.len() <= MAX_NAME_BYTES && !text.contains(char::is_control)
    };
    let parts = name.split_once(':');
    let Some((algorithm, key_id)) = parts.filter(|(a, k)| is_name(a) && is_name(k)) else {
        return Err(bad("a key is not called `algorithm:id`"));
    };
    if raw.get().len() > MAX_KEY_BYTES {
        return Err(KeyError::TooLarge("a key is too large"));
    }
    let key: CanonicalJsonValue =
        serde_json::from_str(raw.get()).map_err(|error| KeyError::BadJson(error.to_string()))?;
    let is_key = match &key {
        CanonicalJsonValue::String(_) => true,
        CanonicalJsonValue::Object(key) => string(key, "key").is_some() && has_signatures(key),
        _ => false,
    };
    if !is_key {
        return Err(bad(
            "a key is neither a text nor an object with `key` and `signatures`",
        ));
    }
    Ok(PreKey {
        algorithm: algorithm.to_owned(),
        key_id: key_id.to_owned(),
        fingerprint: fingerprint(&key)?,
        keys: serde_json::to_string(&key).map_err(|error| KeyError::BadJson(error.to_string()))?,
    })
}

/// The last key of each algorithm: a device has one fallback key of each.
fn one_of_each(keys: Vec<PreKey>) -> Vec<PreKey> {
    let by_algorithm: BTreeMap<String, PreKey> = keys
        .into_iter()
        .map(|key| (key.algorithm.clone(), key))
        .collect();
    by_algorithm.into_values().collect()
}

fn has_signatures(object: &CanonicalJsonObject) -> bool {
    let is_signatures = |value: &CanonicalJsonValue| match value {
        CanonicalJsonValue::Object(signatures) => signatures.values().all(is_string),
        _ => false,
    };
    inner(object, "signatures").is_some_and(|all| all.values().all(is_signatures))
}

fn is_string(value: &CanonicalJsonValue) -> bool {
    matches!(value, CanonicalJsonValue::String(_))
}

fn bad(what: &str) -> KeyError {
    KeyError::BadJson(what.to_owned())
}
