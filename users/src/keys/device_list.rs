//! All devices of a user, as other servers keep them.

use causeway_store::users::{accounts, device_keys as store};
use ruma::UserId;
use serde::Serialize;
use serde_json::Value;

use super::{KeyError, KeyWishes};
use crate::Users;

/// The devices of a user of this server. Specification: server-server API, `GET
/// /user/devices/{userId}`.
#[derive(Debug, Serialize)]
pub struct DeviceList {
    /// Whose.
    pub user_id: String,
    /// The number of the newest change of the list; what follows names it as `prev_id`.
    pub stream_id: i64,
    /// The devices that have keys.
    pub devices: Vec<ListedDevice>,
    /// The user's master key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_key: Option<Value>,
    /// The key with which the user signs their devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_signing_key: Option<Value>,
}

/// A device of a [`DeviceList`].
#[derive(Debug, Serialize)]
pub struct ListedDevice {
    /// Its id.
    pub device_id: String,
    /// What its user calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_display_name: Option<String>,
    /// Its identity keys, with signatures.
    pub keys: Value,
}

impl Users {
    /// All devices of a user of this server; nothing where there is no such user. Five queries.
    ///
    /// # Errors
    /// The database's.
    pub async fn device_list(&self, user: &UserId) -> Result<Option<DeviceList>, KeyError> {
        if !self.is_local(user) || accounts::find(self.store(), user.as_str()).await?.is_none() {
            return Ok(None);
        }
        // Before the keys: who sees a change that is not in the number yet hears of it again.
        let stream_id = store::newest_change(self.store(), user.as_str()).await?;
        let wishes = KeyWishes::from([(user.to_owned(), Vec::new())]);
        let mut keys = self.query_keys_for_server(&wishes).await?;
        let devices = keys.device_keys.remove(user.as_str()).unwrap_or_default();
        Ok(Some(DeviceList {
            user_id: user.to_string(),
            stream_id,
            devices: devices.into_iter().map(listed).collect(),
            master_key: keys.master_keys.remove(user.as_str()),
            self_signing_key: keys.self_signing_keys.remove(user.as_str()),
        }))
    }
}

fn listed((device_id, mut keys): (String, Value)) -> ListedDevice {
    let unsigned = keys
        .as_object_mut()
        .and_then(|keys| keys.remove("unsigned"));
    let name = unsigned
        .as_ref()
        .and_then(|it| it["device_display_name"].as_str());
    ListedDevice {
        device_id,
        device_display_name: name.map(str::to_owned),
        keys,
    }
}
