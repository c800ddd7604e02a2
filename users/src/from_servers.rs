//! What other servers tell of their users.

use causeway_store::log::{ToDeviceBatch, ToDeviceTransaction};
use causeway_store::users::to_device as store;
use causeway_store::{AppendError, Change};
use ruma::OwnedUserId;

use crate::Users;
use crate::to_device::{MAX_CONTENT_BYTES, MAX_ID_BYTES, Messages, ToDeviceError};

/// Messages of a user of another server to devices of this one.
#[derive(Debug)]
pub struct RemoteMessages {
    /// Who sends.
    pub sender: OwnedUserId,
    /// Of which type they are.
    pub event_type: String,
    /// Tells the messages of a sender apart: what comes with the same id again was sent before.
    pub message_id: String,
    /// To whom.
    pub messages: Messages,
}

impl Users {
    /// Delivers messages from another server, once for each `message_id` of a sender. Those to
    /// devices that do not exist are dropped. Specification: server-server API, "Send-to-device
    /// messaging".
    ///
    /// # Errors
    /// [`ToDeviceError`] says why not; then none was delivered.
    pub async fn receive_to_device(&self, remote: RemoteMessages) -> Result<(), ToDeviceError> {
        let RemoteMessages {
            sender,
            event_type,
            message_id,
            messages,
        } = remote;
        let contents = messages.values().flat_map(|devices| devices.values());
        let has_large = contents
            .into_iter()
            .any(|it| it.get().len() > MAX_CONTENT_BYTES);
        if message_id.len() > MAX_ID_BYTES || event_type.len() > MAX_ID_BYTES || has_large {
            return Err(ToDeviceError::TooLarge);
        }
        // A user of another server has no devices here, so none is called like this.
        let device = "";
        if store::was_sent(self.store(), sender.as_str(), device, &message_id).await? {
            return Ok(());
        }
        let batch = ToDeviceBatch {
            messages: self.address(&sender, &event_type, &messages).await?,
            outgoing: Vec::new(),
            transaction: Some(ToDeviceTransaction {
                user: sender.clone(),
                device: device.into(),
                txn_id: message_id.clone(),
                sent_at_ms: self.now_ms(),
            }),
        };
        match self.log().append(Change::ToDevice(batch)).await {
            Ok(_) => Ok(()),
            // The same messages came twice at the same time, and the others were written.
            Err(AppendError::Conflict(_))
                if store::was_sent(self.store(), sender.as_str(), device, &message_id).await? =>
            {
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The devices or keys of a user of another server are different now.
    ///
    /// # Errors
    /// The log's.
    pub async fn devices_changed_elsewhere(&self, user: OwnedUserId) -> Result<(), AppendError> {
        self.log()
            .append(Change::DeviceList(user))
            .await
            .map(|_| ())
    }
}
