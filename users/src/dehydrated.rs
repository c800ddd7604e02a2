//! Dehydrated devices: they receive messages while their user is away, for a device of the user's
//! that comes later (MSC3814).

use std::collections::BTreeMap;

use causeway_store::log::{DehydratedDevice, KeyChange, Which};
use causeway_store::users::dehydrated as store;
use causeway_store::{AppendError, Change, Position, StoreError};
use ruma::{DeviceId, OwnedDeviceId, UserId};
use serde_json::value::RawValue;

use crate::Users;
use crate::keys::{KeyError, MAX_UPLOADED, device_keys, pre_keys};
use crate::sessions::{MAX_DEVICE_ID_BYTES, MAX_DEVICE_NAME_BYTES};

/// Largest data of a device, in bytes of JSON.
pub const MAX_DATA_BYTES: usize = 262_144;

/// Messages in one answer.
pub const MAX_MESSAGES: usize = 100;

/// Why there is no dehydrated device, or none could be made.
#[derive(Debug, thiserror::Error)]
pub enum DehydratedError {
    /// The user has none.
    #[error("there is no dehydrated device")]
    NotFound,
    /// Another device was named.
    #[error("this is not your dehydrated device")]
    OtherDevice,
    /// A device of that id is there, with a session.
    #[error("there is another device of that id")]
    Taken,
    /// The id, the name or the data is not valid.
    #[error("{0}")]
    Invalid(&'static str),
    /// The keys are not valid.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log failed.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// A device that is to be made.
#[derive(Debug)]
pub struct Dehydration {
    /// Its id.
    pub device_id: OwnedDeviceId,
    /// Its name.
    pub display_name: Option<String>,
    /// What a client needs to take it up again.
    pub device_data: Box<RawValue>,
    /// Its identity keys.
    pub device_keys: Box<RawValue>,
    /// By `algorithm:id`.
    pub one_time_keys: BTreeMap<String, Box<RawValue>>,
    /// By `algorithm:id`.
    pub fallback_keys: BTreeMap<String, Box<RawValue>>,
}

/// Messages that came for a dehydrated device.
#[derive(Debug)]
pub struct Messages {
    /// Each is JSON.
    pub events: Vec<String>,
    /// Where the next answer begins.
    pub next: Position,
    /// Whether there are more.
    pub has_more: bool,
}

impl Users {
    /// Makes a dehydrated device, in place of the one there is.
    ///
    /// # Errors
    /// [`DehydratedError`] says why not.
    pub async fn dehydrate(&self, user: &UserId, new: Dehydration) -> Result<(), DehydratedError> {
        let id = new.device_id.as_str();
        if id.is_empty() || id.len() > MAX_DEVICE_ID_BYTES || id.contains(char::is_control) {
            return Err(DehydratedError::Invalid("the device id is not valid"));
        }
        let name = new.display_name.as_deref().unwrap_or_default();
        if name.len() > MAX_DEVICE_NAME_BYTES || name.contains('\0') {
            return Err(DehydratedError::Invalid("the device's name is not valid"));
        }
        if new.device_data.get().len() > MAX_DATA_BYTES {
            return Err(KeyError::TooLarge("the device's data is too large").into());
        }
        if new.one_time_keys.len() + new.fallback_keys.len() > MAX_UPLOADED {
            return Err(KeyError::TooLarge("too many keys at once").into());
        }
        let mut fallback: BTreeMap<_, _> = BTreeMap::new();
        for key in pre_keys(&new.fallback_keys)? {
            fallback.insert(key.algorithm.clone(), key);
        }
        let change = KeyChange::Dehydrated(Box::new(DehydratedDevice {
            user: user.to_owned(),
            keys: device_keys(&new.device_keys, user, &new.device_id)?,
            one_time_keys: pre_keys(&new.one_time_keys)?,
            fallback_keys: fallback.into_values().collect(),
            device: new.device_id,
            display_name: new.display_name,
            device_data: Box::<str>::from(new.device_data).into(),
            created_at_ms: self.now_ms(),
        }));
        match self.log().append(Change::Keys(change)).await {
            Ok(_) => Ok(()),
            Err(AppendError::Conflict(_)) => Err(DehydratedError::Taken),
            Err(error) => Err(error.into()),
        }
    }

    /// The user's dehydrated device, and its data as JSON.
    ///
    /// # Errors
    /// [`DehydratedError::NotFound`], or the database's.
    pub async fn dehydrated(
        &self,
        user: &UserId,
    ) -> Result<(OwnedDeviceId, String), DehydratedError> {
        let found = store::find(self.store(), user.as_str()).await?;
        let (device, data) = found.ok_or(DehydratedError::NotFound)?;
        Ok((device.into(), data))
    }

    /// Deletes the user's dehydrated device. Gives its id.
    ///
    /// # Errors
    /// [`DehydratedError::NotFound`], or those of database and log.
    pub async fn delete_dehydrated(&self, user: &UserId) -> Result<OwnedDeviceId, DehydratedError> {
        let (device, _) = self.dehydrated(user).await?;
        let change = Change::DevicesGone {
            user: user.to_owned(),
            which: Which::These(vec![device.clone()]),
        };
        self.log().append(change).await?;
        Ok(device)
    }

    /// Messages for the user's dehydrated device after a place; they stay until the device goes.
    ///
    /// # Errors
    /// [`DehydratedError::OtherDevice`] if it is another one, or the database's.
    pub async fn dehydrated_messages(
        &self,
        user: &UserId,
        device: &DeviceId,
        after: Position,
    ) -> Result<Messages, DehydratedError> {
        let found = store::find(self.store(), user.as_str()).await?;
        if found.is_none_or(|(id, _)| id != device.as_str()) {
            return Err(DehydratedError::OtherDevice);
        }
        let limit = i64::try_from(MAX_MESSAGES + 1).unwrap_or(i64::MAX);
        let (user, device) = (user.as_str(), device.as_str());
        let mut rows = store::messages(self.store(), user, device, after, limit).await?;
        let has_more = rows.len() > MAX_MESSAGES;
        rows.truncate(MAX_MESSAGES);
        Ok(Messages {
            next: rows.last().map_or(after, |(position, _)| *position),
            events: rows.into_iter().map(|(_, message)| message).collect(),
            has_more,
        })
    }
}
