//! What a gateway is told (push gateway API, `POST /_matrix/push/v1/notify`).

use causeway_events::{Pdu, RoomVersion};
use causeway_store::push::{DuePusher, Queued};
use ruma::{OwnedEventId, RoomVersionId};
use serde_json::{Map, Value, json};

/// Where a pusher reports to, and what it sends along.
#[derive(Debug)]
pub(crate) struct Target {
    pub url: String,
    /// The pusher's `data` without the address.
    data: Value,
    only_ids: bool,
}

impl Target {
    /// Reads a pusher's `data`.
    pub(crate) fn read(pusher: &DuePusher) -> Option<Self> {
        let mut data: Map<String, Value> = serde_json::from_str(&pusher.data).ok()?;
        let url = data.remove("url")?.as_str()?.to_owned();
        let only_ids = data.get("format").and_then(Value::as_str) == Some("event_id_only");
        Some(Self {
            url,
            data: Value::Object(data),
            only_ids,
        })
    }

    fn device(&self, pusher: &DuePusher) -> Value {
        json!({
            "app_id": pusher.key.app_id,
            "pushkey": pusher.key.pushkey,
            "pushkey_ts": pusher.created_at / 1_000,
            "data": self.data,
        })
    }

    /// About an event. `None` if there is nothing (any more) to tell of it.
    pub(crate) fn about(&self, pusher: &DuePusher, queued: &Queued, unread: i64) -> Option<Value> {
        let pdu = read(queued)?;
        let tweaks = tweaks(&queued.actions);
        // An encrypted event may be a highlight: only the client can tell.
        let is_urgent = pdu.event_type() == "m.room.encrypted"
            || tweaks.contains_key("sound")
            || tweaks.get("highlight").is_some_and(|it| *it != false);
        let mut device = self.device(pusher);
        let mut notice = json!({
            "event_id": queued.event_id,
            "room_id": queued.room_id,
            "counts": counts(unread),
            "prio": if is_urgent { "high" } else { "low" },
        });
        if !self.only_ids {
            device["tweaks"] = Value::Object(tweaks);
            self.describe(&mut notice, pusher, queued, &pdu);
        }
        notice["devices"] = json!([device]);
        Some(json!({ "notification": notice }))
    }

    fn describe(&self, notice: &mut Value, pusher: &DuePusher, queued: &Queued, pdu: &Pdu) {
        // The name that the first gateways know, and some still read.
        notice["id"] = json!(queued.event_id);
        notice["type"] = json!(pdu.event_type());
        notice["sender"] = json!(pdu.sender());
        notice["content"] = serde_json::from_str(pdu.content_json()).unwrap_or_default();
        let alias = text_in(queued.alias.as_deref(), "alias");
        // A room without a name is called by its alias ("Calculating the display name for a room").
        let name = text_in(queued.name.as_deref(), "name").or_else(|| alias.clone());
        let texts = [
            ("sender_display_name", queued.sender_name.clone()),
            ("room_name", name),
            ("room_alias", alias),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                notice[key] = json!(text);
            }
        }
        if pdu.event_type() == "m.room.member" {
            notice["user_is_target"] = json!(pdu.state_key() == Some(&pusher.key.user));
            notice["membership"] = notice["content"]["membership"].clone();
        }
    }

    /// About the number of unread messages alone. Here zero is said, too: it is the news.
    pub(crate) fn badge(&self, pusher: &DuePusher, unread: i64) -> Value {
        json!({"notification": {
            "counts": { "unread": unread },
            "devices": [self.device(pusher)],
        }})
    }
}

fn counts(unread: i64) -> Value {
    if unread == 0 {
        json!({})
    } else {
        json!({ "unread": unread })
    }
}

fn read(queued: &Queued) -> Option<Pdu> {
    let version = RoomVersionId::try_from(queued.version.as_str()).ok()?;
    let version = RoomVersion::find(&version)?;
    let id = OwnedEventId::try_from(queued.event_id.as_str()).ok()?;
    Pdu::from_stored(version, id, queued.json.clone()).ok()
}

/// The tweaks among actions: a highlight without a value is one.
pub(crate) fn tweaks(actions: &str) -> Map<String, Value> {
    let actions: Vec<Value> = serde_json::from_str(actions).unwrap_or_default();
    let tweaks = actions.into_iter().filter_map(|action| {
        let name = action.get("set_tweak")?.as_str()?.to_owned();
        let unsaid = if name == "highlight" {
            json!(true)
        } else {
            Value::Null
        };
        let value = action.get("value").cloned().unwrap_or(unsaid);
        Some((name, value))
    });
    tweaks.collect()
}

/// A text in the content of a state event.
fn text_in(event: Option<&str>, key: &str) -> Option<String> {
    let event: Value = serde_json::from_str(event?).ok()?;
    let text = event.get("content")?.get(key)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
#[path = "notice_test.rs"]
mod notice_test;
