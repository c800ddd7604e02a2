//! Rooms as people outside see them: the directory, spaces, summaries.

use ruma::UserId;

use crate::ids::RoomNid;
use crate::log::Membership;
use crate::meter::timed;
use crate::{Store, StoreError};

/// Children of one level of a space that are read, at most.
const READ_CHILDREN: i64 = 10_000;

/// The state events that tell what a room is.
const DESCRIBING: [&str; 9] = [
    "m.room.create",
    "m.room.name",
    "m.room.topic",
    "m.room.canonical_alias",
    "m.room.avatar",
    "m.room.join_rules",
    "m.room.guest_access",
    "m.room.history_visibility",
    "m.room.encryption",
];

/// A room with what describes it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The room.
    pub room: RoomNid,
    /// Its id.
    pub room_id: String,
    /// The room version.
    pub version: String,
    /// Members who have joined.
    pub joined_members: i32,
    /// The asking user's membership.
    pub membership: Option<Membership>,
    /// JSON of the state events that tell what the room is.
    pub state: Vec<String>,
}

struct Row {
    room_nid: i64,
    room_id: String,
    version: String,
    joined_members: i32,
    membership: Option<i16>,
    state: Vec<String>,
}

impl From<Row> for Listed {
    fn from(row: Row) -> Self {
        Self {
            room: RoomNid(row.room_nid),
            room_id: row.room_id,
            version: row.version,
            joined_members: row.joined_members,
            membership: row.membership.and_then(Membership::from_number),
            state: row.state,
        }
    }
}

/// Rooms by their ids, in no order; rooms that this server does not know are absent.
///
/// # Errors
/// If the database does not answer.
pub async fn list_rooms(
    store: &Store,
    room_ids: &[&str],
    user: Option<&UserId>,
) -> Result<Vec<Listed>, StoreError> {
    let rows = timed(
        sqlx::query_as!(
            Row,
            r#"
SELECT r.room_nid, r.room_id, r.version, h.joined_members, m.membership AS "membership?",
       ARRAY(SELECT e.json FROM state_keys k
             JOIN current_state c ON c.room_nid = r.room_nid AND c.key_nid = k.key_nid
             JOIN events e ON e.room_nid = c.room_nid AND e.event_nid = c.event_nid
             WHERE k.type = ANY($3) AND k.state_key = '') AS "state!"
FROM rooms r
JOIN room_heads h ON h.room_nid = r.room_nid
LEFT JOIN memberships m ON m.room_nid = r.room_nid AND m.user_id = $2
WHERE r.room_id = ANY($1)
            "#,
            room_ids as _,
            user.map(UserId::as_str),
            &DESCRIBING as _,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows.into_iter().map(Listed::from).collect())
}

/// What to show of this server's directory.
#[derive(Debug, Clone, Copy)]
pub struct Listing<'a> {
    /// Text that the name, the topic or the canonical alias holds.
    pub search: Option<&'a str>,
    /// Rooms to leave out at the beginning.
    pub offset: i64,
    /// Rooms, at most.
    pub limit: i64,
}

/// Rooms of this server's directory, the largest first. Where there is a text to search for,
/// rooms are among them that hold it elsewhere: the caller looks again.
///
/// # Errors
/// If the database does not answer.
pub async fn list_published(
    store: &Store,
    listing: Listing<'_>,
) -> Result<Vec<Listed>, StoreError> {
    let pattern = listing.search.map(pattern_of);
    let rows = timed(
        sqlx::query_as!(
            Row,
            r#"
SELECT r.room_nid, r.room_id, r.version, w.joined_members, NULL::smallint AS membership,
       ARRAY(SELECT e.json FROM state_keys k
             JOIN current_state c ON c.room_nid = r.room_nid AND c.key_nid = k.key_nid
             JOIN events e ON e.room_nid = c.room_nid AND e.event_nid = c.event_nid
             WHERE k.type = ANY($4) AND k.state_key = '') AS "state!"
FROM (SELECT p.room_nid, h.joined_members FROM rooms p JOIN room_heads h ON h.room_nid = p.room_nid
      WHERE p.published AND ($1::text IS NULL OR (
            SELECT 1 FROM state_keys k
            JOIN current_state c ON c.room_nid = p.room_nid AND c.key_nid = k.key_nid
            JOIN events e ON e.room_nid = c.room_nid AND e.event_nid = c.event_nid
            WHERE k.type IN ('m.room.name', 'm.room.topic', 'm.room.canonical_alias') AND k.state_key = ''
              AND e.json ILIKE $1 LIMIT 1) IS NOT NULL)
      ORDER BY h.joined_members DESC, p.room_nid OFFSET $2 LIMIT $3) w
JOIN rooms r ON r.room_nid = w.room_nid
ORDER BY w.joined_members DESC, r.room_nid
            "#,
            pattern,
            listing.offset,
            listing.limit,
            &DESCRIBING as _,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows.into_iter().map(Listed::from).collect())
}

/// `%text%` as it stands in JSON.
fn pattern_of(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    let inner = json.get(1..json.len() - 1).unwrap_or_default();
    let mut pattern = String::with_capacity(inner.len() + 2);
    pattern.push('%');
    for letter in inner.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

/// Rooms in this server's directory.
///
/// # Errors
/// If the database does not answer.
pub async fn count_published(store: &Store) -> Result<u64, StoreError> {
    let count = timed(
        sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM rooms WHERE published"#)
            .fetch_one(store.pool()),
    )
    .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// An `m.space.child` of a space.
#[derive(Debug, Clone)]
pub struct SpaceChild {
    /// The space.
    pub space: RoomNid,
    /// The child: the state key, which may be no room id.
    pub child: String,
    /// The event.
    pub json: String,
}

/// The children of spaces.
///
/// # Errors
/// If the database does not answer.
pub async fn children_of(store: &Store, spaces: &[RoomNid]) -> Result<Vec<SpaceChild>, StoreError> {
    let nids: Vec<i64> = spaces.iter().map(|space| space.0).collect();
    let rows = timed(
        sqlx::query!(
            "SELECT c.room_nid, k.state_key, e.json
             FROM current_state c
             JOIN state_keys k ON k.key_nid = c.key_nid AND k.type = 'm.space.child'
             JOIN events e ON e.room_nid = c.room_nid AND e.event_nid = c.event_nid
             WHERE c.room_nid = ANY($1) LIMIT $2",
            &nids,
            READ_CHILDREN,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| SpaceChild {
            space: RoomNid(row.room_nid),
            child: row.state_key,
            json: row.json,
        })
        .collect())
}
