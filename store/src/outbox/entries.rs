//! Entries of the log that other servers are told of.

use std::sync::Arc;

use ruma::{OwnedServerName, OwnedUserId, UserId};

use crate::ids::{Position, RoomNid};
use crate::log::{Entry, EventRecord, LogEntry, RELAYED, Receipt, ToDevice};
use crate::meter::timed;
use crate::{Store, StoreError};

/// Some entries, in order.
#[derive(Debug)]
pub struct Batch {
    /// Where the reader is after them.
    pub position: Position,
    /// What other servers are told; entries of which they are told nothing are left out.
    pub items: Vec<(Position, Item)>,
}

/// What other servers are told.
#[derive(Debug, Clone)]
pub enum Item {
    /// An event that this server answers for.
    Event(Arc<OutEvent>),
    /// A user of this server has read.
    Receipt(Arc<Receipt>),
    /// The devices or keys of a user of this server changed.
    DeviceList(OwnedUserId),
    /// A message for a device of another server.
    ToDevice(Arc<OutMessage>),
}

/// An event as it is sent.
#[derive(Debug)]
pub struct OutEvent {
    /// The room.
    pub room: RoomNid,
    /// The event, as JSON.
    pub json: String,
    /// Of a membership that ends: whose, as their server may not be in the room (any more).
    pub let_go: Option<OwnedUserId>,
    /// Of another server's event that came in through this one: that server, which has it.
    pub from: Option<OwnedServerName>,
}

/// A message for a device of another server.
#[derive(Debug)]
pub struct OutMessage {
    /// To whom.
    pub user: OwnedUserId,
    /// To which device; `*` for all.
    pub device: String,
    /// `{"type", "sender", "content"}` as JSON.
    pub message: String,
}

impl OutEvent {
    /// The event of an entry, if it is for this server to send.
    fn of(record: &EventRecord, ours: &str) -> Option<Self> {
        let pdu = &record.pdu;
        let is_ours = pdu.sender().server_name() == ours;
        if !is_ours && record.flags & RELAYED == 0 {
            return None;
        }
        Some(Self {
            room: record.room,
            json: pdu.json().to_owned(),
            let_go: let_go(pdu.event_type(), pdu.state_key(), pdu.content_json()),
            from: from(pdu.sender().as_str(), ours),
        })
    }
}

/// The server that an event of `sender` came from, if it is not ours.
fn from(sender: &str, ours: &str) -> Option<OwnedServerName> {
    let sender = <&UserId>::try_from(sender).ok()?;
    (sender.server_name() != ours).then(|| sender.server_name().to_owned())
}

/// Whose membership an event ends.
fn let_go(event_type: &str, state_key: Option<&str>, content: &str) -> Option<OwnedUserId> {
    #[derive(serde::Deserialize)]
    struct Content {
        membership: String,
    }
    if event_type != "m.room.member" {
        return None;
    }
    let content: Content = serde_json::from_str(content).ok()?;
    let ends = matches!(content.membership.as_str(), "leave" | "ban");
    UserId::parse(state_key?).ok().filter(|_| ends)
}

/// Entries as this process wrote them.
pub fn batch_of(after: Position, entries: &[LogEntry], ours: &str) -> Batch {
    let items = entries.iter().filter_map(|LogEntry { position, entry }| {
        let item = match entry {
            Entry::Event(record) => Item::Event(Arc::new(OutEvent::of(record, ours)?)),
            Entry::Receipt(receipt) if is_told(receipt, ours) => Item::Receipt(receipt.clone()),
            Entry::DeviceList(user) if user.server_name() == ours => Item::DeviceList(user.clone()),
            Entry::ToDevice(message) if message.user.server_name() != ours => {
                Item::ToDevice(Arc::new(OutMessage::of(message)))
            }
            _ => return None,
        };
        Some((*position, item))
    });
    Batch {
        items: items.collect(),
        position: entries.last().map_or(after, |last| last.position),
    }
}

fn is_told(receipt: &Receipt, ours: &str) -> bool {
    receipt.receipt_type == "m.read" && receipt.user.server_name() == ours
}

impl OutMessage {
    fn of(message: &ToDevice) -> Self {
        Self {
            user: message.user.clone(),
            device: message.device.to_string(),
            message: message.message.clone(),
        }
    }
}

/// The next entries after `after`, up to `limit`, out of the tables. A fixed number of queries.
/// Receipts are told as they stand now.
///
/// # Errors
/// If the database does not answer.
pub async fn load_batch(
    store: &Store,
    after: Position,
    limit: i64,
    ours: &str,
) -> Result<Batch, StoreError> {
    let rows = timed(
        sqlx::query!(
            "SELECT position, kind, room_nid, event_nid, user_id FROM log
             WHERE position > $1 ORDER BY position LIMIT $2",
            after.0,
            limit,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let position = Position(rows.last().map_or(after.0, |last| last.position));
    let (mut events, mut receipts, mut items) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let user = row.user_id.and_then(|user| UserId::parse(user).ok());
        let is_ours = user.as_ref().is_some_and(|user| user.server_name() == ours);
        match (row.kind, row.room_nid, row.event_nid, user) {
            (1, Some(room), Some(event), _) => events.push((row.position, room, event)),
            (2, Some(room), _, Some(_)) if is_ours => receipts.push((room, row.position)),
            (5, _, _, Some(user)) if is_ours => {
                items.push((Position(row.position), Item::DeviceList(user)));
            }
            _ => {}
        }
    }
    items.extend(load_events(store, &events, ours).await?);
    items.extend(load_receipts(store, &receipts, ours).await?);
    items.extend(load_messages(store, after, position).await?);
    items.sort_by_key(|(position, _)| *position);
    Ok(Batch { position, items })
}

async fn load_events(
    store: &Store,
    wanted: &[(i64, i64, i64)],
    ours: &str,
) -> Result<Vec<(Position, Item)>, StoreError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let rows = timed(
        sqlx::query!(
            r#"SELECT w.position AS "position!", e.room_nid, e.json, e.type, k.state_key AS "state_key?"
               FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[]) AS w(position, room_nid, event_nid)
               JOIN events e ON e.room_nid = w.room_nid AND e.event_nid = w.event_nid
               LEFT JOIN state_keys k ON k.key_nid = e.key_nid
               WHERE substring(e.sender from position(':' in e.sender) + 1) = $4 OR e.flags & 32 <> 0"#,
            &wanted.iter().map(|row| row.0).collect::<Vec<_>>(),
            &wanted.iter().map(|row| row.1).collect::<Vec<_>>(),
            &wanted.iter().map(|row| row.2).collect::<Vec<_>>(),
            ours,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let events = rows.into_iter().map(|row| {
        let room = RoomNid(row.room_nid);
        let event = stored(room, row.json, &row.r#type, row.state_key, ours);
        (Position(row.position), Item::Event(Arc::new(event)))
    });
    Ok(events.collect())
}

/// An event out of the table.
pub(super) fn stored(
    room: RoomNid,
    json: String,
    event_type: &str,
    state_key: Option<String>,
    ours: &str,
) -> OutEvent {
    #[derive(serde::Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        content: &'a serde_json::value::RawValue,
        sender: String,
    }
    let event = serde_json::from_str::<Event<'_>>(&json).ok();
    let let_go = event
        .as_ref()
        .and_then(|event| let_go(event_type, state_key.as_deref(), event.content.get()));
    let from = event.and_then(|event| from(&event.sender, ours));
    OutEvent {
        room,
        json,
        let_go,
        from,
    }
}

async fn load_receipts(
    store: &Store,
    wanted: &[(i64, i64)],
    ours: &str,
) -> Result<Vec<(Position, Item)>, StoreError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let rows = timed(
        sqlx::query!(
            r#"SELECT r.position, r.room_nid, o.room_id, r.user_id, r.thread_id, r.event_id, r.event_anchor, r.ts
               FROM UNNEST($1::bigint[], $2::bigint[]) AS w(room_nid, position)
               JOIN receipts r ON r.room_nid = w.room_nid AND r.position = w.position
               JOIN rooms o ON o.room_nid = r.room_nid
               WHERE r.type = 'm.read'"#,
            &wanted.iter().map(|row| row.0).collect::<Vec<_>>(),
            &wanted.iter().map(|row| row.1).collect::<Vec<_>>(),
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let receipts = rows.into_iter().filter_map(|row| {
        let receipt = Receipt {
            room: RoomNid(row.room_nid),
            room_id: row.room_id.try_into().ok()?,
            user: row.user_id.try_into().ok()?,
            receipt_type: "m.read".to_owned(),
            thread_id: row.thread_id,
            event_id: row.event_id.try_into().ok()?,
            event_anchor: row.event_anchor,
            ts_ms: u64::try_from(row.ts).unwrap_or(0),
        };
        let told = is_told(&receipt, ours);
        told.then(|| (Position(row.position), Item::Receipt(Arc::new(receipt))))
    });
    Ok(receipts.collect())
}

async fn load_messages(
    store: &Store,
    after: Position,
    up_to: Position,
) -> Result<Vec<(Position, Item)>, StoreError> {
    let rows = timed(
        sqlx::query_as!(
            MessageRow,
            "SELECT position, user_id, device_id, message FROM to_device_out
             WHERE position > $1 AND position <= $2",
            after.0,
            up_to.0,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows.into_iter().filter_map(MessageRow::item).collect())
}

/// A row of `to_device_out`.
pub(super) struct MessageRow {
    pub(super) position: i64,
    pub(super) user_id: String,
    pub(super) device_id: String,
    pub(super) message: String,
}

impl MessageRow {
    pub(super) fn item(self) -> Option<(Position, Item)> {
        let message = OutMessage {
            user: self.user_id.try_into().ok()?,
            device: self.device_id,
            message: self.message,
        };
        Some((Position(self.position), Item::ToDevice(Arc::new(message))))
    }
}
