//! Members for `/sync`.

use super::Snapshot;
use super::events::{Row, SyncEvent, collect};
use crate::StoreError;
use crate::ids::RoomNid;
use crate::meter::timed;

/// Members of a room among which heroes are looked for.
const MEMBERS_LOOKED_AT: i64 = 1_000;

/// Candidates for the heroes of a room: one more than are shown, since the reader may be one.
const HEROES: i64 = 6;

/// The current member events of `(room, user)` pairs. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn members(
    snapshot: &mut Snapshot,
    pairs: &[(RoomNid, String)],
) -> Result<Vec<SyncEvent>, StoreError> {
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    let rooms: Vec<i64> = pairs.iter().map(|(room, _)| room.0).collect();
    let users: Vec<&str> = pairs.iter().map(|(_, user)| user.as_str()).collect();
    let rows = timed(
        sqlx::query_as!(
            Row,
            r#"
SELECT e.room_nid, e.event_nid, e.event_id, e.json, e.anchor, e.anchor_offset, e.line, e.step, e.key_nid,
       e.flags, e.device_id, e.txn_id, NULL AS "replaced_id?", NULL AS "replaced_json?",
       NULL::boolean AS "erased?"
FROM UNNEST($1::bigint[], $2::text[]) AS w(room_nid, user_id)
JOIN memberships m ON m.room_nid = w.room_nid AND m.user_id = w.user_id
JOIN events e ON e.room_nid = m.room_nid AND e.event_nid = m.event_nid
            "#,
            &rooms,
            &users as _,
        )
        .fetch_all(snapshot.connection()),
    )
    .await?;
    Ok(collect(rows))
}

/// Somebody by whom a room without a name is called.
#[derive(Debug, Clone)]
pub struct Hero {
    /// The room.
    pub room: RoomNid,
    /// Who.
    pub user: String,
    /// Whether they are joined or invited; otherwise they have gone.
    pub here: bool,
}

/// Candidates for the heroes of those rooms that have neither a name nor a canonical alias: first
/// those who are there, in the order in which they came, then those who were. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn heroes(snapshot: &mut Snapshot, rooms: &[RoomNid]) -> Result<Vec<Hero>, StoreError> {
    if rooms.is_empty() {
        return Ok(Vec::new());
    }
    let rooms: Vec<i64> = rooms.iter().map(|room| room.0).collect();
    let rows = timed(
        sqlx::query!(
            r#"
SELECT w.room_nid AS "room_nid!", m.user_id, m.here AS "here!"
FROM UNNEST($1::bigint[]) AS w(room_nid)
CROSS JOIN LATERAL (
    SELECT m.user_id, m.membership IN (1, 2) AS here, m.position
    FROM (SELECT * FROM memberships m WHERE m.room_nid = w.room_nid LIMIT $2) m
    WHERE m.membership <> 3
    ORDER BY here DESC, m.position LIMIT $3
) m
WHERE NOT EXISTS (
    SELECT 1 FROM current_state c JOIN state_keys k ON k.key_nid = c.key_nid
    JOIN events e ON e.room_nid = c.room_nid AND e.event_nid = c.event_nid
    WHERE c.room_nid = w.room_nid AND k.state_key = ''
      AND ((k.type = 'm.room.name' AND e.json LIKE '%"name":"_%')
        OR (k.type = 'm.room.canonical_alias' AND e.json LIKE '%"alias":"_%'))
)
ORDER BY w.room_nid, m.here DESC, m.position
            "#,
            &rooms,
            MEMBERS_LOOKED_AT,
            HEROES,
        )
        .fetch_all(snapshot.connection()),
    )
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Hero {
            room: RoomNid(row.room_nid),
            user: row.user_id,
            here: row.here,
        })
        .collect())
}

/// How many have joined and are invited, as `(room, version of the room, joined, invited)`. One
/// query.
///
/// # Errors
/// If the database does not answer.
pub async fn member_counts(
    snapshot: &mut Snapshot,
    rooms: &[RoomNid],
) -> Result<Vec<(RoomNid, String, i32, i32)>, StoreError> {
    let rooms: Vec<i64> = rooms.iter().map(|room| room.0).collect();
    let rows = timed(
        sqlx::query!(
            "SELECT h.room_nid, r.version, h.joined_members, h.invited_members
             FROM room_heads h JOIN rooms r ON r.room_nid = h.room_nid WHERE h.room_nid = ANY($1)",
            &rooms,
        )
        .fetch_all(snapshot.connection()),
    )
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            (
                RoomNid(row.room_nid),
                row.version,
                row.joined_members,
                row.invited_members,
            )
        })
        .collect())
}
