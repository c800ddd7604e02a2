//! What push rules ask about rooms and users. Each function is one query for a whole batch.

use std::collections::HashMap;

use crate::ids::{Position, RoomNid};
use crate::meter::timed;
use crate::push::Redacted;
use crate::{Store, StoreError};

/// Users of one room with rules of their own that are looked at, at most.
const MAX_PERSONAL: i64 = 50_000;

/// Users of this server who ignore the senders of a batch, at most.
const MAX_IGNORERS: i64 = 50_000;

/// Relations that are followed to find an event's thread (client-server, Threaded read receipts):
/// three with the event's own.
const MAX_HOPS: i32 = 2;

/// A room.
#[derive(Debug, Clone)]
pub struct RoomFacts {
    /// Its id.
    pub room_id: String,
    /// The room version.
    pub version: String,
    /// Members who have joined.
    pub joined: i32,
}

/// The rooms of a batch.
///
/// # Errors
/// If the database does not answer.
pub async fn room_facts(
    store: &Store,
    rooms: &[RoomNid],
) -> Result<HashMap<RoomNid, RoomFacts>, StoreError> {
    let rows = timed(
        sqlx::query!(
            "SELECT r.room_nid, r.room_id, r.version, h.joined_members
             FROM rooms r JOIN room_heads h ON h.room_nid = r.room_nid WHERE r.room_nid = ANY($1)",
            &nids(rooms),
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let rooms = rows.into_iter().map(|row| {
        let facts = RoomFacts {
            room_id: row.room_id,
            version: row.version,
            joined: row.joined_members,
        };
        (RoomNid(row.room_nid), facts)
    });
    Ok(rooms.collect())
}

/// The two events that say who may notify a room: id and JSON each.
#[derive(Debug, Clone, Default)]
pub struct RoomLevels {
    /// `m.room.create`
    pub create: Option<(String, String)>,
    /// `m.room.power_levels`
    pub power_levels: Option<(String, String)>,
}

/// Who may notify these rooms.
///
/// # Errors
/// If the database does not answer.
pub async fn room_levels(
    store: &Store,
    rooms: &[RoomNid],
) -> Result<HashMap<RoomNid, RoomLevels>, StoreError> {
    let mut found: HashMap<RoomNid, RoomLevels> = HashMap::new();
    if rooms.is_empty() {
        return Ok(found);
    }
    let rows = timed(
        sqlx::query!(
            "SELECT c.room_nid, k.type, e.event_id, e.json
             FROM state_keys k
             JOIN current_state c ON c.key_nid = k.key_nid AND c.room_nid = ANY($1)
             JOIN events e ON e.room_nid = c.room_nid AND e.event_nid = c.event_nid
             WHERE k.type IN ('m.room.create', 'm.room.power_levels') AND k.state_key = ''",
            &nids(rooms),
        )
        .fetch_all(store.pool()),
    )
    .await?;
    for row in rows {
        let levels = found.entry(RoomNid(row.room_nid)).or_default();
        let event = Some((row.event_id, row.json));
        match row.r#type.as_str() {
            "m.room.create" => levels.create = event,
            _ => levels.power_levels = event,
        }
    }
    Ok(found)
}

/// A member whose rules are their own.
#[derive(Debug, Clone)]
pub struct PersonalMember {
    /// Who.
    pub user: String,
    /// What they are called in the room.
    pub display_name: Option<String>,
}

/// The members of some rooms who have rules of their own.
///
/// # Errors
/// If the database does not answer.
pub async fn list_personal(
    store: &Store,
    rooms: &[RoomNid],
) -> Result<Vec<(RoomNid, PersonalMember)>, StoreError> {
    if rooms.is_empty() {
        return Ok(Vec::new());
    }
    let rows = timed(
        sqlx::query!(
            "SELECT m.room_nid, m.user_id, m.display_name
             FROM memberships m JOIN push_personal p ON p.user_id = m.user_id
             WHERE m.room_nid = ANY($1) AND m.membership = 2 AND m.is_local LIMIT $2",
            &nids(rooms),
            MAX_PERSONAL,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let members = rows.into_iter().map(|row| {
        let member = PersonalMember {
            user: row.user_id,
            display_name: row.display_name,
        };
        (RoomNid(row.room_nid), member)
    });
    Ok(members.collect())
}

/// Which of these users have rules of their own.
///
/// # Errors
/// If the database does not answer.
pub async fn personal_among(store: &Store, users: &[&str]) -> Result<Vec<String>, StoreError> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let found = timed(
        sqlx::query_scalar!(
            "SELECT user_id FROM push_personal WHERE user_id = ANY($1)",
            users as _
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(found)
}

/// A member of a room.
#[derive(Debug, Clone)]
pub struct MemberOfRoom {
    /// The room.
    pub room: RoomNid,
    /// Who.
    pub user: String,
    /// What they are called there.
    pub display_name: Option<String>,
}

/// Which of these users of this server are in the room named beside them.
///
/// # Errors
/// If the database does not answer.
pub async fn members_among(
    store: &Store,
    wanted: &[(RoomNid, String)],
) -> Result<Vec<MemberOfRoom>, StoreError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let rows = timed(
        sqlx::query!(
            "SELECT m.room_nid, m.user_id, m.display_name
             FROM UNNEST($1::bigint[], $2::text[]) AS w(room_nid, user_id)
             JOIN memberships m ON m.room_nid = w.room_nid AND m.user_id = w.user_id
             WHERE m.membership = 2 AND m.is_local",
            &wanted.iter().map(|row| row.0.0).collect::<Vec<_>>(),
            &wanted.iter().map(|row| row.1.as_str()).collect::<Vec<_>>() as _,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let members = rows.into_iter().map(|row| MemberOfRoom {
        room: RoomNid(row.room_nid),
        user: row.user_id,
        display_name: row.display_name,
    });
    Ok(members.collect())
}

/// Which of these users somebody ignores.
///
/// # Errors
/// If the database does not answer.
pub async fn ignored_among(store: &Store, users: &[&str]) -> Result<Vec<String>, StoreError> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let found = timed(
        sqlx::query_scalar!(
            r#"SELECT w.user_id AS "user_id!" FROM UNNEST($1::text[]) AS w(user_id)
               WHERE EXISTS (SELECT 1 FROM push_ignored i WHERE i.ignored_id = w.user_id)"#,
            users as _
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(found)
}

/// Members of rooms who ignore somebody: room, who is ignored, by whom.
///
/// # Errors
/// If the database does not answer.
pub async fn ignorers(
    store: &Store,
    senders: &[(RoomNid, String)],
) -> Result<Vec<(RoomNid, String, String)>, StoreError> {
    if senders.is_empty() {
        return Ok(Vec::new());
    }
    let rows = timed(
        sqlx::query!(
            r#"SELECT m.room_nid, i.ignored_id, i.user_id
               FROM UNNEST($1::bigint[], $2::text[]) AS w(room_nid, sender)
               JOIN push_ignored i ON i.ignored_id = w.sender
               JOIN memberships m ON m.room_nid = w.room_nid AND m.user_id = i.user_id
               WHERE m.membership = 2 AND m.is_local LIMIT $3"#,
            &senders.iter().map(|row| row.0.0).collect::<Vec<_>>(),
            &senders.iter().map(|row| row.1.as_str()).collect::<Vec<_>>() as _,
            MAX_IGNORERS,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let found = rows.into_iter();
    Ok(found
        .map(|row| (RoomNid(row.room_nid), row.ignored_id, row.user_id))
        .collect())
}

/// The stored push rules of some users; users who have none are absent.
///
/// # Errors
/// If the database does not answer.
pub async fn rules_of(store: &Store, users: &[&str]) -> Result<Vec<(String, String)>, StoreError> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let rows = timed(
        sqlx::query!(
            "SELECT user_id, content FROM account_data
             WHERE user_id = ANY($1) AND room_nid = 0 AND type = 'm.push_rules'",
            users as _,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let found = rows.into_iter();
    Ok(found.map(|row| (row.user_id, row.content)).collect())
}

/// The threads of events that relate to others: given room and parent, gives the thread's root.
/// Parents that are in no thread are absent.
///
/// # Errors
/// If the database does not answer.
pub async fn threads_of(
    store: &Store,
    parents: &[(RoomNid, String)],
) -> Result<HashMap<(RoomNid, String), String>, StoreError> {
    if parents.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = timed(
        sqlx::query!(
            r#"
WITH RECURSIVE way(room_nid, start, at, root, hops) AS (
    SELECT w.room_nid, w.parent_id, w.parent_id, NULL::text, 0
    FROM UNNEST($1::bigint[], $2::text[]) AS w(room_nid, parent_id)
    UNION ALL
    SELECT w.room_nid, w.start, l.parent_id, CASE WHEN l.rel_type = 'm.thread' THEN l.parent_id END, w.hops + 1
    FROM way w
    JOIN events e ON e.event_id = w.at AND e.room_nid = w.room_nid
    JOIN relations l ON l.room_nid = e.room_nid AND l.child_nid = e.event_nid
    WHERE w.root IS NULL AND w.hops < $3
)
SELECT DISTINCT room_nid AS "room_nid!", start AS "start!", root AS "root!" FROM way WHERE root IS NOT NULL
            "#,
            &parents.iter().map(|row| row.0.0).collect::<Vec<_>>(),
            &parents.iter().map(|row| row.1.as_str()).collect::<Vec<_>>() as _,
            MAX_HOPS,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let found = rows.into_iter();
    Ok(found
        .map(|row| ((RoomNid(row.room_nid), row.start), row.root))
        .collect())
}

/// Those of some events that were redacted.
///
/// # Errors
/// If the database does not answer.
pub async fn redacted_among(
    store: &Store,
    targets: &[(RoomNid, String)],
) -> Result<Vec<Redacted>, StoreError> {
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    let rows = timed(
        sqlx::query!(
            r#"SELECT e.room_nid, e.sender, e.anchor AS "anchor!"
               FROM UNNEST($1::bigint[], $2::text[]) AS w(room_nid, event_id)
               JOIN events e ON e.event_id = w.event_id AND e.room_nid = w.room_nid
               WHERE e.anchor IS NOT NULL AND e.anchor_offset = 0 AND e.flags & 8 <> 0"#,
            &targets.iter().map(|row| row.0.0).collect::<Vec<_>>(),
            &targets.iter().map(|row| row.1.as_str()).collect::<Vec<_>>() as _,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let found = rows.into_iter();
    Ok(found
        .map(|row| Redacted {
            room: RoomNid(row.room_nid),
            position: Position(row.anchor),
            sender: row.sender,
        })
        .collect())
}

fn nids(rooms: &[RoomNid]) -> Vec<i64> {
    rooms.iter().map(|room| room.0).collect()
}
