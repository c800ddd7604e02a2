//! What a server has missed while it did not answer.

use std::sync::Arc;

use ruma::UserId;

use super::entries::{Item, MessageRow, stored};
use crate::ids::{Position, RoomNid};
use crate::meter::timed;
use crate::{Store, StoreError};

/// Servers that share rooms with one user and are told of their devices, at most.
const MAX_SERVERS: i64 = 100_000;

/// Some of what a server has missed.
#[derive(Debug)]
pub struct Missed {
    /// In order.
    pub items: Vec<(Position, Item)>,
    /// The server lacks nothing up to here once it has these.
    pub position: Position,
}

/// The servers that share rooms with a user.
///
/// # Errors
/// If the database does not answer.
pub async fn servers_of_user(store: &Store, user: &UserId) -> Result<Vec<String>, StoreError> {
    Ok(timed(
        sqlx::query_scalar!(
            "SELECT DISTINCT s.server FROM memberships m
             JOIN room_servers s ON s.room_nid = m.room_nid AND s.joined > 0
             WHERE m.user_id = $1 AND m.membership = 2 LIMIT $2",
            user.as_str(),
            MAX_SERVERS,
        )
        .fetch_all(store.pool()),
    )
    .await?)
}

/// What `server` has missed after `after`: events of ours in the rooms that it is in now, messages to
/// its devices, changes of devices of those who share rooms with it, and that its users were let go
/// from rooms that it is not in any more. Receipts of that time are old.
///
/// Up to `limit` of each kind, the oldest. A server whose users came into a room meanwhile gets what
/// came after them: what came before, it fetches as far as it may see it.
///
/// # Errors
/// If the database does not answer.
pub async fn load_missed(
    store: &Store,
    ours: &str,
    server: &str,
    (after, up_to): (Position, Position),
    limit: i64,
) -> Result<Missed, StoreError> {
    let mut items = load_events(store, ours, server, (after, up_to), limit).await?;
    let events = items.len();
    let messages = load_messages(store, server, up_to, limit).await?;
    let full = |count: usize| i64::try_from(count).is_ok_and(|count| count >= limit);
    let mut end = up_to;
    for (items, is_full) in [(&items, full(events)), (&messages, full(messages.len()))] {
        if let Some((last, _)) = items.last().filter(|_| is_full) {
            end = end.min(*last);
        }
    }
    let let_go = load_let_go(store, ours, server, (after, up_to), limit).await?;
    if let Some((last, _)) = let_go.last().filter(|_| full(let_go.len())) {
        end = end.min(*last);
    }
    items.extend(messages);
    items.extend(let_go);
    let lists = load_device_lists(store, ours, server, (after, end), limit).await?;
    if let Some((last, _)) = lists.last().filter(|_| full(lists.len())) {
        end = *last;
    }
    items.extend(lists);
    items.retain(|(position, item)| *position <= end && !is_of(item, server));
    items.sort_by_key(|(position, _)| *position);
    Ok(Missed {
        items,
        position: end,
    })
}

/// Whether an item came from the server itself.
fn is_of(item: &Item, server: &str) -> bool {
    match item {
        Item::Event(event) => event.from.as_ref().is_some_and(|from| from == server),
        _ => false,
    }
}

async fn load_events(
    store: &Store,
    ours: &str,
    server: &str,
    (after, up_to): (Position, Position),
    limit: i64,
) -> Result<Vec<(Position, Item)>, StoreError> {
    let rows = timed(
        sqlx::query!(
            r#"
SELECT e.room_nid, e.anchor AS "anchor!", e.json, e.type, k.state_key AS "state_key?"
FROM room_servers s
JOIN LATERAL (
    SELECT min(m.position) AS came FROM memberships m
    WHERE m.room_nid = s.room_nid AND m.membership = 2
      AND substring(m.user_id from position(':' in m.user_id) + 1) = $2
) c ON true
JOIN LATERAL (
    SELECT * FROM events o
    WHERE o.room_nid = s.room_nid AND o.anchor > greatest($3, c.came) AND o.anchor <= $4
      AND o.anchor_offset = 0 AND o.flags & 3 = 0
      AND (substring(o.sender from position(':' in o.sender) + 1) = $1 OR o.flags & 32 <> 0)
    ORDER BY o.anchor LIMIT $5
) e ON true
LEFT JOIN state_keys k ON k.key_nid = e.key_nid
WHERE s.server = $2 AND s.joined > 0
ORDER BY e.anchor LIMIT $5
            "#,
            ours,
            server,
            after.0,
            up_to.0,
            limit,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let events = rows.into_iter().map(|row| {
        let room = RoomNid(row.room_nid);
        let event = stored(room, row.json, &row.r#type, row.state_key, ours);
        (Position(row.anchor), Item::Event(Arc::new(event)))
    });
    Ok(events.collect())
}

async fn load_let_go(
    store: &Store,
    ours: &str,
    server: &str,
    (after, up_to): (Position, Position),
    limit: i64,
) -> Result<Vec<(Position, Item)>, StoreError> {
    let rows = timed(
        sqlx::query!(
            r#"
SELECT e.room_nid, e.anchor AS "anchor!", e.json, e.type, m.user_id
FROM memberships m
JOIN events e ON e.room_nid = m.room_nid AND e.event_nid = m.event_nid
WHERE NOT m.is_local AND m.membership IN (4, 5)
  AND substring(m.user_id from position(':' in m.user_id) + 1) = $2
  AND m.position > $3 AND m.position <= $4
  AND e.anchor = m.position AND e.anchor_offset = 0 AND e.flags & 3 = 0
  AND (substring(e.sender from position(':' in e.sender) + 1) = $1 OR e.flags & 32 <> 0)
  AND NOT EXISTS (
      SELECT 1 FROM room_servers s
      WHERE s.room_nid = m.room_nid AND s.server = $2 AND s.joined > 0)
ORDER BY m.position LIMIT $5
            "#,
            ours,
            server,
            after.0,
            up_to.0,
            limit,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let events = rows.into_iter().map(|row| {
        let room = RoomNid(row.room_nid);
        let event = stored(room, row.json, &row.r#type, Some(row.user_id), ours);
        (Position(row.anchor), Item::Event(Arc::new(event)))
    });
    Ok(events.collect())
}

async fn load_messages(
    store: &Store,
    server: &str,
    up_to: Position,
    limit: i64,
) -> Result<Vec<(Position, Item)>, StoreError> {
    let rows = timed(
        sqlx::query_as!(
            MessageRow,
            "SELECT position, user_id, device_id, message FROM to_device_out
             WHERE server = $1 AND position <= $2 ORDER BY position LIMIT $3",
            server,
            up_to.0,
            limit,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows.into_iter().filter_map(MessageRow::item).collect())
}

async fn load_device_lists(
    store: &Store,
    ours: &str,
    server: &str,
    (after, up_to): (Position, Position),
    limit: i64,
) -> Result<Vec<(Position, Item)>, StoreError> {
    let rows = timed(
        sqlx::query!(
            "SELECT d.user_id, d.position FROM device_list_changes d
             WHERE d.position > $3 AND d.position <= $4
               AND substring(d.user_id from position(':' in d.user_id) + 1) = $1
               AND EXISTS (
                   SELECT 1 FROM memberships m
                   JOIN room_servers s ON s.room_nid = m.room_nid AND s.server = $2 AND s.joined > 0
                   WHERE m.user_id = d.user_id AND m.membership = 2)
             ORDER BY d.position LIMIT $5",
            ours,
            server,
            after.0,
            up_to.0,
            limit,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let changes = rows.into_iter().filter_map(|row| {
        let user = row.user_id.try_into().ok()?;
        Some((Position(row.position), Item::DeviceList(user)))
    });
    Ok(changes.collect())
}
