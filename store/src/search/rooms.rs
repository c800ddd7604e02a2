//! The rooms that somebody may search.

use ruma::UserId;

use crate::ids::{EventNid, RoomNid, StateRef};
use crate::log::Membership;
use crate::meter::timed;
use crate::timeline::row::rows;
use crate::timeline::{Access, TimelineRow};
use crate::{Store, StoreError};

/// A room that somebody is or was in.
#[derive(Debug, Clone)]
pub struct SearchedRoom {
    /// Its id.
    pub room_id: String,
    /// What it is to the user; without the users whom they ignore.
    pub access: Access,
    /// Whether the room's `m.room.history_visibility` never was another one.
    pub is_visibility_first: bool,
    /// The position of the user's member event.
    pub member_position: i64,
}

/// The rooms that the user is in, or was in and has not forgotten: those of `only` if that is given,
/// none of `without`; the ones with the newest member events, up to `limit`.
///
/// # Errors
/// If the database does not answer.
pub async fn searched_rooms(
    store: &Store,
    user: &UserId,
    only: Option<&[String]>,
    without: &[String],
    limit: i64,
) -> Result<Vec<SearchedRoom>, StoreError> {
    let rows = timed(
        sqlx::query!(
            r#"
SELECT r.room_nid, r.room_id, r.version, r.published, h.line, h.step, m.membership, m.event_nid, m.was_joined,
       m.position, v.json AS "visibility?", v.replaces AS "replaces?"
FROM (SELECT * FROM memberships m
      WHERE m.user_id = $1 AND (m.membership = 2 OR (m.was_joined AND NOT m.forgotten))
        AND ($2::text[] IS NULL OR m.room_nid IN (SELECT o.room_nid FROM rooms o WHERE o.room_id = ANY($2)))
        AND m.room_nid NOT IN (SELECT o.room_nid FROM rooms o WHERE o.room_id = ANY($3::text[]))
      ORDER BY m.position DESC LIMIT $4) m
JOIN rooms r ON r.room_nid = m.room_nid
JOIN room_heads h ON h.room_nid = m.room_nid
LEFT JOIN state_keys k ON k.type = 'm.room.history_visibility' AND k.state_key = ''
LEFT JOIN current_state c ON c.room_nid = m.room_nid AND c.key_nid = k.key_nid
LEFT JOIN events v ON v.room_nid = c.room_nid AND v.event_nid = c.event_nid
            "#,
            user.as_str(),
            only as _,
            without,
            limit,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let rooms = rows.into_iter().map(|row| SearchedRoom {
        room_id: row.room_id,
        access: Access {
            room: RoomNid(row.room_nid),
            version: row.version,
            state: StateRef {
                line: row.line,
                step: row.step,
            },
            membership: Membership::from_number(row.membership),
            member_event: Some(EventNid(row.event_nid)),
            forgotten: false,
            was_joined: row.was_joined,
            visibility_json: row.visibility,
            ignored_json: None,
            published: row.published,
        },
        is_visibility_first: row.replaces.is_none(),
        member_position: row.position,
    });
    Ok(rooms.collect())
}

/// The states of rooms, the current ones or those that are named: all events that are no members,
/// then members, of `members` alone if that is given; up to `limit` in all. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn states_of(
    store: &Store,
    rooms: &[(RoomNid, Option<StateRef>)],
    members: Option<&[String]>,
    limit: i64,
) -> Result<Vec<TimelineRow>, StoreError> {
    let now: Vec<i64> = rooms
        .iter()
        .filter(|(_, at)| at.is_none())
        .map(|(room, _)| room.0)
        .collect();
    let past: Vec<(i64, StateRef)> = rooms
        .iter()
        .filter_map(|(room, at)| at.map(|at| (room.0, at)))
        .collect();
    rows!(
        store,
        replaced: "false",
        r#"
WITH RECURSIVE chain(room_nid, line, upto, depth) AS (
    SELECT p.room_nid, p.line, p.step, 0 FROM UNNEST($2::bigint[], $3::int[], $4::int[]) AS p(room_nid, line, step)
    UNION ALL
    SELECT c.room_nid, l.parent_line, l.parent_step, c.depth + 1
    FROM chain c
    -- OFFSET keeps the planner from reading the whole table to join it
    CROSS JOIN LATERAL (SELECT * FROM state_lines l WHERE l.room_nid = c.room_nid AND l.line = c.line OFFSET 0) l
    WHERE l.parent_line IS NOT NULL
), entries AS (
    SELECT DISTINCT ON (c.room_nid, s.key_nid) c.room_nid, s.key_nid, s.event_nid
    FROM chain c JOIN state_changes s ON s.room_nid = c.room_nid AND s.line = c.line AND s.step <= c.upto
    ORDER BY c.room_nid, s.key_nid, c.depth, s.step DESC
)
SELECT u.room_nid, u.event_nid, u.ord FROM (
    SELECT c.room_nid, c.event_nid, 1 AS ord FROM current_state c WHERE c.room_nid = ANY($1::bigint[])
    UNION ALL
    SELECT m.room_nid, m.event_nid, 2 FROM memberships m
    WHERE m.room_nid = ANY($1) AND ($5::text[] IS NULL OR m.user_id = ANY($5))
    UNION ALL
    SELECT t.room_nid, t.event_nid, CASE WHEN k.type = 'm.room.member' THEN 2 ELSE 1 END
    FROM entries t JOIN state_keys k ON k.key_nid = t.key_nid
    WHERE $5 IS NULL OR k.type <> 'm.room.member' OR k.state_key = ANY($5)
) u ORDER BY u.ord LIMIT $6
        "#,
        &now,
        &past.iter().map(|(room, _)| *room).collect::<Vec<_>>(),
        &past.iter().map(|(_, at)| at.line).collect::<Vec<_>>(),
        &past.iter().map(|(_, at)| at.step).collect::<Vec<_>>(),
        members as _,
        limit,
    )
}
