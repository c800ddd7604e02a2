//! Messages from device to device. Specification: client-server API, "Send-to-Device
//! messaging".

use std::collections::{BTreeMap, HashMap};

use causeway_store::log::{ToDevice, ToDeviceBatch, ToDeviceTransaction};
use causeway_store::users::to_device as store;
use causeway_store::{AppendError, Change, StoreError};
use ruma::{OwnedDeviceId, OwnedUserId, UserId};
use serde_json::json;
use serde_json::value::RawValue;

use crate::{Session, Users};

/// Longest transaction id and type, in bytes.
pub const MAX_ID_BYTES: usize = 255;

/// Largest content of one message, in bytes.
pub const MAX_CONTENT_BYTES: usize = 65_536;

/// Why messages were not sent.
#[derive(Debug, thiserror::Error)]
pub enum ToDeviceError {
    /// A content, the type or the transaction id is too long.
    #[error("the content, type or transaction id is too long")]
    TooLarge,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log failed.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// To which devices of a user a message goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recipient {
    /// To all.
    AllDevices,
    /// To one.
    Device(OwnedDeviceId),
}

/// Messages by user and device; contents are JSON.
pub type Messages = BTreeMap<OwnedUserId, BTreeMap<Recipient, Box<RawValue>>>;

impl Users {
    /// Sends messages to devices. Those to devices of this server that do not exist are dropped, as
    /// are all where the device has sent the same transaction before.
    ///
    /// # Errors
    /// [`ToDeviceError`] says why not; then none was sent.
    pub async fn send_to_device(
        &self,
        session: &Session,
        event_type: &str,
        txn_id: &str,
        messages: &Messages,
    ) -> Result<(), ToDeviceError> {
        let too_large = |content: &RawValue| content.get().len() > MAX_CONTENT_BYTES;
        if txn_id.len() > MAX_ID_BYTES
            || event_type.len() > MAX_ID_BYTES
            || messages
                .values()
                .flatten()
                .any(|(_, content)| too_large(content))
        {
            return Err(ToDeviceError::TooLarge);
        }
        let (user, device) = (session.user_id.as_str(), session.device_id.as_str());
        if store::was_sent(self.store(), user, device, txn_id).await? {
            return Ok(());
        }
        let sender = &session.user_id;
        let outgoing = self.outgoing(sender, event_type, messages);
        let messages = self.address(sender, event_type, messages).await?;
        let transaction = Some(ToDeviceTransaction {
            user: session.user_id.clone(),
            device: session.device_id.clone(),
            txn_id: txn_id.to_owned(),
            sent_at_ms: self.now_ms(),
        });
        let batch = ToDeviceBatch {
            transaction,
            messages,
            outgoing,
        };
        match self.log().append(Change::ToDevice(batch)).await {
            Ok(_) => Ok(()),
            // The same request came twice at the same time, and the other one was written.
            Err(AppendError::Conflict(_))
                if store::was_sent(self.store(), user, device, txn_id).await? =>
            {
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Those to devices of other servers, whose devices we need not know.
    fn outgoing(&self, sender: &UserId, event_type: &str, messages: &Messages) -> Vec<ToDevice> {
        if !self.speaks_to_others() {
            return Vec::new();
        }
        let remote = messages.iter().filter(|(user, _)| !self.is_local(user));
        let each = remote.flat_map(|(user, contents)| contents.iter().map(move |it| (user, it)));
        each.map(|(user, (recipient, content))| ToDevice {
            user: user.clone(),
            device: match recipient {
                Recipient::AllDevices => "*".into(),
                Recipient::Device(device) => device.clone(),
            },
            message: message(sender, event_type, content),
        })
        .collect()
    }

    /// The messages, for each device that they reach.
    pub(crate) async fn address(
        &self,
        sender: &UserId,
        event_type: &str,
        messages: &Messages,
    ) -> Result<Vec<ToDevice>, StoreError> {
        let local = messages.keys().filter(|user| self.is_local(user));
        let users: Vec<String> = local.map(ToString::to_string).collect();
        let mut devices: HashMap<String, Vec<String>> = HashMap::new();
        for (user, device) in store::devices_of(self.store(), &users).await? {
            devices.entry(user).or_default().push(device);
        }
        let mut addressed = Vec::new();
        for (user, contents) in messages {
            let existing = devices.get(user.as_str()).map_or(&[][..], Vec::as_slice);
            for (recipient, content) in contents {
                let message = message(sender, event_type, content);
                let reached = existing.iter().filter(|device| match recipient {
                    Recipient::AllDevices => true,
                    Recipient::Device(id) => id.as_str() == device.as_str(),
                });
                addressed.extend(reached.map(|device| ToDevice {
                    user: user.clone(),
                    device: device.as_str().into(),
                    message: message.clone(),
                }));
            }
        }
        Ok(addressed)
    }
}

fn message(sender: &UserId, event_type: &str, content: &RawValue) -> String {
    json!({
        "type": event_type,
        "sender": sender,
        "content": content,
    })
    .to_string()
}
