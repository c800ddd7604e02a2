//! Whose devices a reader has to look up again, and whose no more.

use super::Snapshot;
use crate::StoreError;
use crate::ids::{Position, RoomNid};
use crate::meter::timed;

/// Users in one answer, at most.
const MAX_USERS: i64 = 100_000;

/// Member events of one room that are looked at, at most (the newest).
const MAX_MEMBER_EVENTS: i64 = 1_000;

/// What the reader's rooms are.
#[derive(Debug, Clone, Copy)]
pub struct DeviceListQuery<'a> {
    /// The reader.
    pub reader: &'a str,
    /// The reader's position.
    pub since: Position,
    /// Rooms the reader is in.
    pub joined: &'a [RoomNid],
    /// Those of them that the reader joined since.
    pub newly_joined: &'a [RoomNid],
    /// Rooms the reader has left since.
    pub newly_left: &'a [RoomNid],
}

/// A user whose devices the reader wants to know, or no more.
#[derive(Debug, Clone)]
pub struct SharedUser {
    /// Who.
    pub user: String,
    /// Whether they share a room with the reader, are the reader, or were signed by the reader.
    pub shares: bool,
}

/// Users who changed their devices or keys, came into a room of the reader, or went from one, and
/// those whose keys the reader has signed. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn device_lists(
    snapshot: &mut Snapshot,
    query: DeviceListQuery<'_>,
) -> Result<Vec<SharedUser>, StoreError> {
    let nids = |rooms: &[RoomNid]| rooms.iter().map(|room| room.0).collect::<Vec<_>>();
    let rows = timed(
        sqlx::query!(
            r#"
WITH touched(user_id, news, went, signed) AS (
    SELECT d.user_id, true, false, false FROM device_list_changes d WHERE d.position > $2
    UNION ALL
    SELECT c.user_id, true, false, true FROM cross_signing_keys c
    WHERE c.user_id = $1 AND c.position > $2
    UNION ALL
    SELECT s.target_user, true, false, true FROM key_signatures s
    WHERE s.signer = $1 AND s.position > $2 AND s.target_user <> $1
    UNION ALL
    SELECT k.state_key, e.is_join, NOT e.is_join, false FROM UNNEST($3::bigint[]) AS w(room_nid)
    CROSS JOIN LATERAL (
        SELECT e.key_nid, e.json LIKE '%"membership":"join"%' AS is_join, e.replaces FROM events e
        WHERE e.room_nid = w.room_nid AND e.anchor > $2 AND e.anchor_offset = 0
          AND e.type = 'm.room.member' AND e.flags & 3 = 0
        ORDER BY e.anchor DESC LIMIT $6
    ) e
    JOIN state_keys k ON k.key_nid = e.key_nid
    LEFT JOIN events p ON p.room_nid = w.room_nid AND p.event_nid = e.replaces
    WHERE e.is_join <> coalesce(p.json LIKE '%"membership":"join"%', false)
    UNION ALL
    SELECT m.user_id, true, false, false FROM memberships m WHERE m.room_nid = ANY($4) AND m.membership = 2
    UNION ALL
    SELECT m.user_id, false, true, false FROM memberships m WHERE m.room_nid = ANY($5) AND m.membership = 2
)
SELECT t.user_id AS "user_id!", t.shares AS "shares!" FROM (
    SELECT t.user_id, bool_or(t.news) AS news, bool_or(t.went) AS went,
        bool_or(t.signed) OR t.user_id = $1 OR EXISTS (
            SELECT 1 FROM memberships m
            WHERE m.user_id = t.user_id AND m.membership = 2 AND m.room_nid = ANY($3)) AS shares
    FROM touched t GROUP BY t.user_id
) t
WHERE CASE WHEN t.shares THEN t.news ELSE t.went END LIMIT $7
            "#,
            query.reader,
            query.since.0,
            &nids(query.joined),
            &nids(query.newly_joined),
            &nids(query.newly_left),
            MAX_MEMBER_EVENTS,
            MAX_USERS,
        )
        .fetch_all(snapshot.connection()),
    )
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| SharedUser {
            user: row.user_id,
            shares: row.shares,
        })
        .collect())
}
