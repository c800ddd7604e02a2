//! What one request to a server holds (server-server API, "Transactions").

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use causeway_store::log::Receipt;
use causeway_store::outbox::{Item, OutMessage};
use causeway_store::users::devices;
use causeway_store::{Position, Store, StoreError};
use ruma::{OwnedRoomId, OwnedUserId, ServerName, UserId};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::moments::{MAX_TYPING, Moments, Presence};

/// Events and other things in one transaction, at most (server-server API, "Transactions").
const MAX_PDUS: usize = 50;
const MAX_EDUS: usize = 100;

/// Of the latter, those that are kept free for what lives for a moment: who types, and one with
/// who is there.
const MAX_MOMENTS: usize = MAX_TYPING + 1;

/// Bytes of one transaction from which on nothing more is added.
const FULL_BYTES: usize = 512 * 1024;

pub(super) struct Transaction {
    id: String,
    /// JSON.
    pub(super) body: String,
    /// The last message to a device that is in it.
    pub(super) last_message: Option<Position>,
}

/// How many of the things that come first go into one transaction.
pub(super) fn fitting(items: &VecDeque<(Position, Item)>) -> usize {
    let (mut pdus, mut edus, mut bytes) = (0, 0, 0);
    let fit = items.iter().take_while(|(_, item)| {
        if bytes > FULL_BYTES {
            return false;
        }
        match item {
            Item::Event(event) => {
                pdus += 1;
                bytes += event.json.len();
            }
            Item::ToDevice(message) => {
                edus += 1;
                bytes += message.message.len();
            }
            Item::Receipt(_) | Item::DeviceList(_) => edus += 1,
        }
        pdus <= MAX_PDUS && edus <= MAX_EDUS - MAX_MOMENTS
    });
    fit.count()
}

impl Transaction {
    /// Of things in order.
    pub(super) async fn of(
        store: &Store,
        ours: &ServerName,
        (items, moments): (&[(Position, Item)], &Moments),
        now_ms: u64,
    ) -> Result<Self, StoreError> {
        let (mut pdus, mut edus) = (Vec::new(), Vec::new());
        let mut last_message = None;
        for (position, item) in items {
            match item {
                Item::Event(event) => pdus.push(event.json.as_str()),
                Item::Receipt(receipt) => edus.push(read(receipt)),
                Item::DeviceList(user) => edus.push(changed(store, user, *position).await?),
                Item::ToDevice(message) => {
                    last_message = Some(*position);
                    edus.extend(sent(message, *position));
                }
            }
        }
        edus.extend(moments.typing.iter().map(|(key, it)| typing(key, *it)));
        edus.extend(there(&moments.presence, now_ms));
        let (pdus, edus) = (pdus.join(","), edus.join(","));
        let first = items.first().map_or(0, |(position, _)| position.0);
        // The same things have the same id, so that whoever has them already knows them.
        let mut hasher = DefaultHasher::new();
        (&pdus, &edus).hash(&mut hasher);
        // The same thing is news again in another moment.
        (!moments.is_empty()).then_some(now_ms).hash(&mut hasher);
        Ok(Self {
            id: format!("{first}-{:016x}", hasher.finish()),
            body: format!(
                r#"{{"origin":"{ours}","origin_server_ts":{now_ms},"pdus":[{pdus}],"edus":[{edus}]}}"#
            ),
            last_message,
        })
    }

    pub(super) fn path(&self) -> String {
        format!("/_matrix/federation/v1/send/{}", self.id)
    }
}

/// `m.receipt`.
fn read(receipt: &Receipt) -> String {
    let mut data = json!({ "ts": receipt.ts_ms });
    if !receipt.thread_id.is_empty() {
        data["thread_id"] = json!(receipt.thread_id);
    }
    let user = json!({ receipt.user.as_str(): { "data": data, "event_ids": [receipt.event_id] } });
    let content = json!({ receipt.room_id.as_str(): { "m.read": user } });
    json!({ "edu_type": "m.receipt", "content": content }).to_string()
}

/// `m.typing`.
fn typing((room, user): &(OwnedRoomId, OwnedUserId), is_typing: bool) -> String {
    let content = json!({ "room_id": room, "user_id": user, "typing": is_typing });
    json!({ "edu_type": "m.typing", "content": content }).to_string()
}

/// `m.presence`, for all together.
fn there(presence: &BTreeMap<OwnedUserId, Presence>, now_ms: u64) -> Option<String> {
    let push = presence.iter().map(|(user, known)| {
        let mut one = json!({
            "user_id": user,
            "presence": known.presence,
            "currently_active": known.is_active,
            "last_active_ago": now_ms.saturating_sub(known.last_active_ms),
        });
        if let Some(status) = &known.status_msg {
            one["status_msg"] = json!(status);
        }
        one
    });
    let push: Vec<_> = push.collect();
    let edu = json!({ "edu_type": "m.presence", "content": { "push": push } });
    (!presence.is_empty()).then(|| edu.to_string())
}

/// `m.device_list_update`. What changed, we do not say: a predecessor that nobody knows makes the
/// other server ask for the whole list, which is right whatever it had missed.
async fn changed(store: &Store, user: &UserId, position: Position) -> Result<String, StoreError> {
    let devices = devices::list(store, user.as_str()).await?;
    let device = devices.into_iter().next();
    let mut content = json!({
        "user_id": user,
        "device_id": device.as_ref().map_or("", |it| it.device_id.as_str()),
        "stream_id": position.0,
        "prev_id": [0],
    });
    if device.is_none() {
        content["deleted"] = json!(true);
    }
    Ok(json!({ "edu_type": "m.device_list_update", "content": content }).to_string())
}

/// `m.direct_to_device`. `None` if it cannot be read, which nobody could anywhere.
fn sent(message: &OutMessage, position: Position) -> Option<String> {
    #[derive(Deserialize)]
    struct Message<'a> {
        r#type: String,
        sender: String,
        #[serde(borrow)]
        content: &'a RawValue,
    }
    let said: Message<'_> = serde_json::from_str(&message.message).ok()?;
    let edu = json!({
        "edu_type": "m.direct_to_device",
        "content": {
            "sender": said.sender,
            "type": said.r#type,
            "message_id": position.0.to_string(),
            "messages": { message.user.as_str(): { message.device.as_str(): said.content } },
        },
    });
    Some(edu.to_string())
}

#[cfg(test)]
#[path = "transaction_test.rs"]
mod transaction_test;
