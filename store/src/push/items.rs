//! What the reader is given: entries of the log after its cursor, with what they are about.

use std::collections::HashMap;

use causeway_events::{Pdu, RoomVersion};
use ruma::{OwnedEventId, RoomVersionId};
use serde::Deserialize;

use crate::ids::{EventNid, Position, RoomNid};
use crate::log::{Entry, EventRecord, LogEntry, Membership};
use crate::meter::timed;
use crate::{Store, StoreError};

/// Entries of the log that concern push, in order.
#[derive(Debug, Default)]
pub struct Batch {
    /// Where the reader is after them.
    pub position: Position,
    /// What they are about; entries that mean nothing here are left out.
    pub items: Vec<Item>,
}

/// What an entry is about.
#[derive(Debug)]
pub enum Item {
    /// An event came into a room.
    Event(Box<LoggedEvent>),
    /// A user has read.
    Read(ReadUpTo),
    /// A user set what matters here, which is as it is now.
    Account {
        /// The position of the entry.
        position: Position,
        /// Whose.
        user: String,
        /// Content of `m.push_rules`, where that is new.
        rules: Option<String>,
        /// Content of `m.ignored_user_list`, where that is new.
        ignored: Option<String>,
    },
}

/// An event as it came into the log, or as it stands in the tables now: a redaction that follows
/// may have blanked it there.
#[derive(Debug)]
pub struct LoggedEvent {
    /// Its position.
    pub position: Position,
    /// The room.
    pub room: RoomNid,
    /// Its number.
    pub nid: EventNid,
    /// The event.
    pub pdu: Pdu,
    /// See [`crate::log::REJECTED`] and its neighbours.
    pub flags: i16,
    /// What it relates to: the parent and the kind of relation.
    pub relation: Option<(String, String)>,
    /// Of a member event: the membership before.
    pub before: Option<Membership>,
}

impl LoggedEvent {
    fn of(position: Position, record: &EventRecord) -> Self {
        let relation = record.relation.as_ref();
        Self {
            position,
            room: record.room,
            nid: record.nid,
            pdu: record.pdu.clone(),
            flags: record.flags,
            relation: relation.map(|it| (it.parent.to_string(), it.rel_type.clone())),
            before: record.member.as_ref().and_then(|member| member.before),
        }
    }
}

/// What a batch of the log is about, before the tables are asked for what goes with it.
#[derive(Default)]
struct Sorted {
    /// Users who have read in a room, and the last position at which they did.
    readers: HashMap<(i64, String), i64>,
    /// Users who set something, and the last position at which they did.
    accounts: HashMap<String, i64>,
}

/// Up to where a user has read a room.
#[derive(Debug, Clone)]
pub struct ReadUpTo {
    /// The position of the entry.
    pub at: Position,
    /// The room.
    pub room: RoomNid,
    /// Whose receipt.
    pub user: String,
    /// Empty for all of the room.
    pub thread_id: String,
    /// Up to which position.
    pub position: Position,
}

/// Where the reader is.
///
/// # Errors
/// If the database does not answer.
pub async fn load_cursor(store: &Store) -> Result<Position, StoreError> {
    let position = sqlx::query_scalar!(
        "SELECT position FROM log_readers WHERE name = $1",
        super::READER
    )
    .fetch_one(store.pool())
    .await?;
    Ok(Position(position))
}

/// The next entries after `after`, up to `limit`, out of the tables. A fixed number of queries.
///
/// # Errors
/// If the database does not answer.
pub async fn load_batch(store: &Store, after: Position, limit: i64) -> Result<Batch, StoreError> {
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
    let Some(last) = rows.last() else {
        return Ok(Batch {
            position: after,
            items: Vec::new(),
        });
    };
    let position = Position(last.position);
    let mut events = Vec::new();
    let mut sorted = Sorted::default();
    for row in rows {
        match (row.kind, row.room_nid, row.event_nid, row.user_id) {
            (1, Some(room), Some(event), _) => events.push((row.position, room, event)),
            (2, Some(room), _, Some(user)) => {
                sorted.readers.insert((room, user), row.position);
            }
            (3, None, _, Some(user)) => {
                sorted.accounts.insert(user, row.position);
            }
            _ => {}
        }
    }
    let items = load_events(store, &events).await?;
    sorted.complete(store, after, position, items).await
}

/// What entries right after `after` are about, as this process wrote them: events are not read
/// again. A fixed number of queries, none for a batch of events alone.
///
/// # Errors
/// If the database does not answer.
pub async fn batch_of(
    store: &Store,
    after: Position,
    entries: &[LogEntry],
) -> Result<Batch, StoreError> {
    let position = entries.last().map_or(after, |last| last.position);
    let mut items = Vec::with_capacity(entries.len());
    let mut sorted = Sorted::default();
    for LogEntry { position, entry } in entries {
        match entry {
            Entry::Event(record) => {
                items.push(Item::Event(Box::new(LoggedEvent::of(*position, record))));
            }
            Entry::Receipt(receipt) => {
                let reader = (receipt.room.0, receipt.user.to_string());
                sorted.readers.insert(reader, position.0);
            }
            Entry::AccountData(data) if data.room.is_none() => {
                sorted.accounts.insert(data.user.to_string(), position.0);
            }
            _ => {}
        }
    }
    sorted.complete(store, after, position, items).await
}

impl Sorted {
    /// The batch: `items` and what the tables say of receipts and account data.
    async fn complete(
        self,
        store: &Store,
        after: Position,
        position: Position,
        mut items: Vec<Item>,
    ) -> Result<Batch, StoreError> {
        items.extend(load_receipts(store, &self.readers).await?);
        items.extend(load_account_data(store, after, &self.accounts).await?);
        items.sort_by_key(Item::position);
        Ok(Batch { position, items })
    }
}

impl Item {
    /// The position of the entry.
    pub fn position(&self) -> Position {
        match self {
            Self::Event(event) => event.position,
            Self::Read(read) => read.at,
            Self::Account { position, .. } => *position,
        }
    }
}

async fn load_events(store: &Store, wanted: &[(i64, i64, i64)]) -> Result<Vec<Item>, StoreError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let rows = timed(
        sqlx::query!(
            r#"
SELECT w.position AS "position!", e.room_nid, e.event_nid, e.event_id, e.json, e.flags, r.version,
       l.parent_id AS "parent_id?", l.rel_type AS "rel_type?", p.json AS "replaced?"
FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[]) AS w(position, room_nid, event_nid)
JOIN events e ON e.room_nid = w.room_nid AND e.event_nid = w.event_nid
JOIN rooms r ON r.room_nid = w.room_nid
LEFT JOIN relations l ON l.room_nid = e.room_nid AND l.child_nid = e.event_nid
LEFT JOIN events p ON p.room_nid = e.room_nid AND p.event_nid = e.replaces AND e.type = 'm.room.member'
            "#,
            &wanted.iter().map(|row| row.0).collect::<Vec<_>>(),
            &wanted.iter().map(|row| row.1).collect::<Vec<_>>(),
            &wanted.iter().map(|row| row.2).collect::<Vec<_>>(),
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let events = rows.into_iter().filter_map(|row| {
        Some(Item::Event(Box::new(LoggedEvent {
            position: Position(row.position),
            room: RoomNid(row.room_nid),
            nid: EventNid(row.event_nid),
            pdu: parse(&row.version, &row.event_id, row.json)?,
            flags: row.flags,
            relation: row.parent_id.zip(row.rel_type),
            before: row.replaced.as_deref().and_then(replaced_membership),
        })))
    });
    Ok(events.collect())
}

/// A stored event, if it can be read: one that cannot means nothing to anybody.
fn parse(version: &str, event_id: &str, json: String) -> Option<Pdu> {
    let version = RoomVersion::find(&RoomVersionId::try_from(version).ok()?)?;
    let id = OwnedEventId::try_from(event_id).ok()?;
    Pdu::from_stored(version, id, json).ok()
}

/// The membership that a stored member event gave.
fn replaced_membership(json: &str) -> Option<Membership> {
    #[derive(Deserialize)]
    struct Event {
        content: Content,
    }
    #[derive(Deserialize)]
    struct Content {
        membership: String,
    }
    let event: Event = serde_json::from_str(json).ok()?;
    Membership::from_word(&event.content.membership)
}

/// The receipts that stand now: they only go forward, so those between matter no more.
async fn load_receipts(
    store: &Store,
    readers: &HashMap<(i64, String), i64>,
) -> Result<Vec<Item>, StoreError> {
    if readers.is_empty() {
        return Ok(Vec::new());
    }
    let rows = timed(
        sqlx::query!(
            r#"
SELECT r.room_nid, r.user_id, r.thread_id, max(r.event_anchor) AS "anchor!"
FROM UNNEST($1::bigint[], $2::text[]) AS w(room_nid, user_id)
JOIN receipts r ON r.room_nid = w.room_nid AND r.user_id = w.user_id
WHERE r.type IN ('m.read', 'm.read.private') AND r.event_anchor IS NOT NULL
GROUP BY r.room_nid, r.user_id, r.thread_id
            "#,
            &readers.keys().map(|key| key.0).collect::<Vec<_>>(),
            &readers.keys().map(|key| key.1.as_str()).collect::<Vec<_>>() as _,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let reads = rows.into_iter().filter_map(|row| {
        let at = *readers.get(&(row.room_nid, row.user_id.clone()))?;
        Some(Item::Read(ReadUpTo {
            at: Position(at),
            room: RoomNid(row.room_nid),
            user: row.user_id,
            thread_id: row.thread_id,
            position: Position(row.anchor),
        }))
    });
    Ok(reads.collect())
}

async fn load_account_data(
    store: &Store,
    after: Position,
    accounts: &HashMap<String, i64>,
) -> Result<Vec<Item>, StoreError> {
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    let users: Vec<&str> = accounts.keys().map(String::as_str).collect();
    let rows = timed(
        sqlx::query!(
            "SELECT user_id, type, content FROM account_data
             WHERE user_id = ANY($1) AND room_nid = 0 AND type IN ('m.push_rules', 'm.ignored_user_list')
               AND position > $2",
            &users as _,
            after.0,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let mut found: HashMap<String, (Option<String>, Option<String>)> = HashMap::new();
    for row in rows {
        let (rules, ignored) = found.entry(row.user_id).or_default();
        match row.r#type.as_str() {
            "m.push_rules" => *rules = Some(row.content),
            _ => *ignored = Some(row.content),
        }
    }
    let items = found.into_iter().filter_map(|(user, (rules, ignored))| {
        Some(Item::Account {
            position: Position(*accounts.get(&user)?),
            user,
            rules,
            ignored,
        })
    });
    Ok(items.collect())
}
