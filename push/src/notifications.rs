//! What a user has been notified of. Specification: client-server API, "Listing Notifications".

use causeway_events::client::{ClientEvent, Format, Unsigned};
use causeway_events::{Pdu, RoomVersion};
use causeway_store::push::{Notification, list_notifications};
use causeway_store::{Position, Store, StoreError};
use ruma::{OwnedEventId, RoomVersionId, UserId};
use serde::Serialize;
use serde_json::value::RawValue;

/// Notifications of a page where the request names no number.
const DEFAULT_LIMIT: u64 = 20;

/// Notifications of a page, at most.
const MAX_LIMIT: u64 = 500;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Those before this one: the token of the page before.
    pub before: Option<Position>,
    /// How many.
    pub limit: Option<u64>,
    /// Only highlights.
    pub highlights: bool,
}

/// A page, as it is answered.
#[derive(Debug, Serialize)]
pub struct Page {
    notifications: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
struct Shown {
    actions: Box<RawValue>,
    event: Box<RawValue>,
    read: bool,
    room_id: String,
    ts: i64,
}

/// A page of what a user has been notified of, the newest first. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn list(store: &Store, user: &UserId, wanted: Wanted) -> Result<Page, StoreError> {
    let before = wanted.before.unwrap_or(Position(i64::MAX));
    let limit = wanted.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let limit = i64::try_from(limit).unwrap_or(1);
    let found = list_notifications(store, user.as_str(), before, wanted.highlights, limit).await?;
    let is_full = i64::try_from(found.len()).is_ok_and(|count| count >= limit);
    let last = found.last().filter(|_| is_full);
    Ok(Page {
        next_token: last.map(|last| last.position.to_string()),
        notifications: found.into_iter().filter_map(shown).collect(),
    })
}

fn shown(found: Notification) -> Option<Shown> {
    if found.is_redacted {
        return None;
    }
    let version = RoomVersionId::try_from(found.version.as_str()).ok()?;
    let id = OwnedEventId::try_from(found.event_id).ok()?;
    let pdu = Pdu::from_stored(RoomVersion::find(&version)?, id, found.json).ok()?;
    let event = ClientEvent::new(&pdu).to_json(Format::Sync, &Unsigned::default());
    Some(Shown {
        actions: RawValue::from_string(found.actions).ok()?,
        event: RawValue::from_string(event).ok()?,
        read: found.is_read,
        room_id: found.room_id,
        ts: found.origin_ts,
    })
}
