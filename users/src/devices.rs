//! Devices. Specification: client-server API, "Device Management".

use causeway_store::users::devices::{self as store, Device};
use causeway_store::{AppendError, Change, StoreError};
use ruma::{DeviceId, UserId};

use crate::Users;
use crate::sessions::{MAX_DEVICE_NAME_BYTES, SessionError};

/// Most devices that one request can delete.
pub const MAX_DELETED: usize = 1_000;

/// Why a device was not changed.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The user has no such device.
    #[error("no such device")]
    NotFound,
    /// The name is longer than [`MAX_DEVICE_NAME_BYTES`], or too many devices are named.
    #[error("the name of the device is too long, or too many devices are named")]
    TooLong,
    /// Sessions could not end.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log failed.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl Users {
    /// All devices of a user.
    ///
    /// # Errors
    /// The database's.
    pub async fn devices(&self, user_id: &UserId) -> Result<Vec<Device>, StoreError> {
        let mut devices = store::list(self.store(), user_id.as_str()).await?;
        for device in &mut devices {
            self.add_latest_sight(user_id, device);
        }
        Ok(devices)
    }

    /// One device of a user.
    ///
    /// # Errors
    /// [`DeviceError::NotFound`], or the database's.
    pub async fn device(&self, user_id: &UserId, id: &DeviceId) -> Result<Device, DeviceError> {
        let mut device = store::find(self.store(), user_id.as_str(), id.as_str())
            .await?
            .ok_or(DeviceError::NotFound)?;
        self.add_latest_sight(user_id, &mut device);
        Ok(device)
    }

    /// What was seen in the last seconds is not written yet.
    fn add_latest_sight(&self, user_id: &UserId, device: &mut Device) {
        if let Some(seen) = self.0.seen.peek(user_id, &device.device_id) {
            device.last_seen_at = Some(seen.at_ms);
            device.last_seen_ip = seen.ip.or_else(|| device.last_seen_ip.take());
            device.last_seen_user_agent = seen
                .user_agent
                .or_else(|| device.last_seen_user_agent.take());
        }
    }

    /// Gives a device another name.
    ///
    /// # Errors
    /// [`DeviceError::NotFound`], [`DeviceError::TooLong`], or those of database and log.
    pub async fn rename_device(
        &self,
        user_id: &UserId,
        id: &DeviceId,
        display_name: &str,
    ) -> Result<(), DeviceError> {
        if display_name.len() > MAX_DEVICE_NAME_BYTES {
            return Err(DeviceError::TooLong);
        }
        if !store::rename(self.store(), user_id.as_str(), id.as_str(), display_name).await? {
            return Err(DeviceError::NotFound);
        }
        self.log()
            .append(Change::DeviceList(user_id.to_owned()))
            .await?;
        Ok(())
    }

    /// Deletes devices with their sessions; those that do not exist are passed over.
    ///
    /// # Errors
    /// [`DeviceError::TooLong`] for more than [`MAX_DELETED`], or those of database and log.
    pub async fn delete_devices(
        &self,
        user_id: &UserId,
        ids: &[impl AsRef<DeviceId>],
    ) -> Result<(), DeviceError> {
        if ids.len() > MAX_DELETED {
            return Err(DeviceError::TooLong);
        }
        let ids: Vec<String> = ids.iter().map(|id| id.as_ref().to_string()).collect();
        Ok(self.end_devices(user_id, &ids).await?)
    }
}
