//! Ephemeral messages of a transaction. What is malformed, or of somebody else's users, is passed
//! over: they have no answers.
//!
//! Specification: server-server API, "EDUs", and the sections about each kind.

use std::collections::BTreeMap;

use causeway_rooms::receipts::{ReadUpTo, ReceiptKind};
use causeway_users::from_servers::RemoteMessages;
use causeway_users::to_device::{Messages, Recipient};
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, ServerName};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::MAX_EDUS;
use crate::Federation;

/// Receipts of one transaction.
const MAX_RECEIPTS: usize = 500;

/// Users of one presence message.
const MAX_PRESENCES: usize = 500;

/// Longest status message, in bytes.
const MAX_STATUS_BYTES: usize = 4_096;

#[derive(Deserialize)]
struct Edu {
    edu_type: String,
    content: Box<RawValue>,
}

#[derive(Deserialize)]
struct Typing {
    room_id: OwnedRoomId,
    user_id: OwnedUserId,
    typing: bool,
}

#[derive(Deserialize)]
struct Presences {
    push: Vec<Presence>,
}

#[derive(Deserialize)]
struct Presence {
    user_id: OwnedUserId,
    presence: String,
    status_msg: Option<String>,
}

/// By room, kind and user.
type Receipts = BTreeMap<OwnedRoomId, BTreeMap<String, BTreeMap<OwnedUserId, Read>>>;

#[derive(Deserialize)]
struct Read {
    event_ids: Vec<OwnedEventId>,
    #[serde(default)]
    data: ReadData,
}

#[derive(Default, Deserialize)]
struct ReadData {
    #[serde(default)]
    thread_id: String,
}

#[derive(Deserialize)]
struct OfUser {
    user_id: OwnedUserId,
}

#[derive(Deserialize)]
struct ToDevices {
    sender: OwnedUserId,
    #[serde(rename = "type")]
    kind: String,
    message_id: String,
    messages: BTreeMap<OwnedUserId, BTreeMap<String, Box<RawValue>>>,
}

impl Federation {
    /// Takes the ephemeral messages of a server in, in their order.
    pub(super) async fn take_edus(&self, origin: &ServerName, edus: Vec<Box<RawValue>>) {
        let mut receipts_left = MAX_RECEIPTS;
        for raw in edus.into_iter().take(MAX_EDUS) {
            let Ok(edu) = serde_json::from_str::<Edu>(raw.get()) else {
                continue;
            };
            let content = edu.content.get();
            let taken = match edu.edu_type.as_str() {
                "m.typing" => self.take_typing(origin, content).await,
                "m.presence" => self.take_presence(origin, content).await,
                "m.receipt" => {
                    self.take_receipts(origin, content, &mut receipts_left)
                        .await
                }
                "m.device_list_update" | "m.signing_key_update" => {
                    self.take_devices(origin, content).await
                }
                "m.direct_to_device" => self.take_messages(origin, content).await,
                _ => Ok(()),
            };
            if let Err(error) = taken {
                tracing::debug!(%origin, kind = edu.edu_type, %error, "a malformed message");
            }
        }
    }

    async fn take_typing(
        &self,
        origin: &ServerName,
        content: &str,
    ) -> Result<(), serde_json::Error> {
        let typing: Typing = serde_json::from_str(content)?;
        if typing.user_id.server_name() == origin && self.lets_in(&typing.room_id, origin).await {
            let Typing {
                room_id,
                user_id,
                typing,
            } = typing;
            self.ephemera().typing(&room_id, &user_id, typing).await;
        }
        Ok(())
    }

    async fn take_presence(
        &self,
        origin: &ServerName,
        content: &str,
    ) -> Result<(), serde_json::Error> {
        let presences: Presences = serde_json::from_str(content)?;
        for one in presences.push.into_iter().take(MAX_PRESENCES) {
            let status = one.status_msg;
            let status = status.filter(|it| !it.is_empty() && it.len() <= MAX_STATUS_BYTES);
            if one.user_id.server_name() == origin {
                let user = &one.user_id;
                self.ephemera().presence(user, &one.presence, status).await;
            }
        }
        Ok(())
    }

    async fn take_receipts(
        &self,
        origin: &ServerName,
        content: &str,
        left: &mut usize,
    ) -> Result<(), serde_json::Error> {
        let receipts: Receipts = serde_json::from_str(content)?;
        for (room, mut kinds) in receipts {
            if !self.lets_in(&room, origin).await {
                continue;
            }
            for (user, read) in kinds.remove("m.read").into_iter().flatten() {
                let Some(event_id) = read.event_ids.into_iter().next() else {
                    continue;
                };
                if user.server_name() != origin || *left == 0 {
                    continue;
                }
                *left -= 1;
                let read = ReadUpTo {
                    user,
                    event_id,
                    thread_id: read.data.thread_id,
                    kind: ReceiptKind::Public,
                };
                if let Err(error) = self.rooms().set_receipt(&room, read).await {
                    tracing::debug!(%room, %error, "a receipt is not taken");
                }
            }
        }
        Ok(())
    }

    async fn take_devices(
        &self,
        origin: &ServerName,
        content: &str,
    ) -> Result<(), serde_json::Error> {
        let OfUser { user_id } = serde_json::from_str(content)?;
        if user_id.server_name() != origin {
            return Ok(());
        }
        // Keys are asked for whenever a client wants them, so it is enough to say that they
        // changed.
        if let Err(error) = self.users().devices_changed_elsewhere(user_id).await {
            tracing::warn!(%origin, %error, "a change of devices was not written");
        }
        Ok(())
    }

    async fn take_messages(
        &self,
        origin: &ServerName,
        content: &str,
    ) -> Result<(), serde_json::Error> {
        let told: ToDevices = serde_json::from_str(content)?;
        if told.sender.server_name() != origin {
            return Ok(());
        }
        let messages: Messages = told
            .messages
            .into_iter()
            .map(|(user, devices)| {
                let devices = devices.into_iter();
                // Clients take objects only, and nothing else can be sent here either.
                let devices = devices.filter(|(_, content)| content.get().starts_with('{'));
                let devices = devices.map(|(device, content)| (recipient(device), content));
                (user, devices.collect())
            })
            .collect();
        let messages = RemoteMessages {
            sender: told.sender,
            event_type: told.kind,
            message_id: told.message_id,
            messages,
        };
        if let Err(error) = self.users().receive_to_device(messages).await {
            tracing::warn!(%origin, %error, "messages to devices were not taken");
        }
        Ok(())
    }

    /// Whether a room is here and lets a server take part.
    async fn lets_in(&self, room: &RoomId, server: &ServerName) -> bool {
        let head = self.rooms().head(room).await;
        head.is_ok_and(|head| head.allows_server(server))
    }
}

fn recipient(device: String) -> Recipient {
    match device.as_str() {
        "*" => Recipient::AllDevices,
        _ => Recipient::Device(device.into()),
    }
}
