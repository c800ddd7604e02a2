//! What a room that was joined elsewhere brings along, written ahead of the event that joins it.

use crate::ids::{EventNid, KeyNid, RoomNid};
use crate::log::{MemberChange, NewLine, StateStep};
use crate::meter::timed;
use crate::{Store, StoreError};

/// Rows of one statement.
const ROWS_PER_STATEMENT: usize = 10_000;

/// A row of `memberships`.
#[derive(Debug, Clone)]
pub struct ImportedMember {
    /// The membership.
    pub change: MemberChange,
    /// The key of the member event.
    pub key: KeyNid,
    /// The member event.
    pub event: EventNid,
    /// Its sender.
    pub sender: String,
}

/// The room's number, given out now where this server does not know the room: it has no events
/// then, and nobody of this server is in it.
///
/// # Errors
/// If the database does not answer.
pub async fn ensure_room(
    store: &Store,
    room: RoomNid,
    room_id: &ruma::RoomId,
    version: &str,
    created_at_ms: u64,
) -> Result<RoomNid, StoreError> {
    let mut tx = store.pool().begin().await?;
    let made = timed(
        sqlx::query!(
            "INSERT INTO rooms (room_nid, room_id, version, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            room.0,
            room_id.as_str(),
            version,
            i64::try_from(created_at_ms).unwrap_or(i64::MAX),
        )
        .execute(&mut *tx),
    )
    .await?;
    if made.rows_affected() > 0 {
        timed(
            sqlx::query!(
                "WITH line AS (INSERT INTO state_lines (room_nid, line, height) VALUES ($1, 0, 0))
                 INSERT INTO room_heads (room_nid, version, depth, extremities, line, step, next_line, joined_members,
                                         invited_members)
                 VALUES ($1, 0, 0, '{}', 0, 0, 1, 0, 0)",
                room.0,
            )
            .execute(&mut *tx),
        )
        .await?;
    }
    tx.commit().await?;
    let nid = timed(
        sqlx::query_scalar!(
            "SELECT room_nid FROM rooms WHERE room_id = $1",
            room_id.as_str()
        )
        .fetch_one(store.pool()),
    )
    .await?;
    Ok(RoomNid(nid))
}

/// Writes lines of states with their steps. Their numbers are from the head's counter on, which is
/// moved by the event that needs them; until then nobody looks at them.
///
/// # Errors
/// If the database does not answer.
pub async fn insert_lines(
    store: &Store,
    room: RoomNid,
    lines: &[NewLine],
    steps: &[StateStep],
) -> Result<(), StoreError> {
    let mut tx = store.pool().begin().await?;
    let numbers: Vec<i32> = lines.iter().map(|line| line.line).collect();
    // An attempt that came to nothing may have left some.
    timed(
        sqlx::query!(
            "WITH gone AS (DELETE FROM state_lines WHERE room_nid = $1 AND line = ANY($2))
             DELETE FROM state_changes WHERE room_nid = $1 AND line = ANY($2)",
            room.0,
            &numbers,
        )
        .execute(&mut *tx),
    )
    .await?;
    timed(
        sqlx::query!(
            "INSERT INTO state_lines (room_nid, line, parent_line, parent_step, height)
             SELECT $1, * FROM UNNEST($2::int[], $3::int[], $4::int[], $5::int[])",
            room.0,
            &numbers,
            &lines
                .iter()
                .map(|line| line.parent.map(|at| at.line))
                .collect::<Vec<_>>() as _,
            &lines
                .iter()
                .map(|line| line.parent.map(|at| at.step))
                .collect::<Vec<_>>() as _,
            &lines.iter().map(|line| line.height).collect::<Vec<_>>(),
        )
        .execute(&mut *tx),
    )
    .await?;
    for rows in steps.chunks(ROWS_PER_STATEMENT) {
        timed(
            sqlx::query!(
                "INSERT INTO state_changes (room_nid, line, step, key_nid, event_nid)
                 SELECT $1, * FROM UNNEST($2::int[], $3::int[], $4::int[], $5::bigint[])",
                room.0,
                &rows.iter().map(|step| step.at.line).collect::<Vec<_>>(),
                &rows.iter().map(|step| step.at.step).collect::<Vec<_>>(),
                &rows.iter().map(|step| step.key.0).collect::<Vec<_>>(),
                &rows.iter().map(|step| step.event.0).collect::<Vec<_>>(),
            )
            .execute(&mut *tx),
        )
        .await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Sets the current state of a room that nobody of this server is in: its entries, its members and
/// their servers. Users of this server who are not among the members stay what they were.
///
/// # Errors
/// If the database does not answer.
pub async fn replace_current_state(
    store: &Store,
    room: RoomNid,
    entries: &[(KeyNid, EventNid)],
    members: &[ImportedMember],
) -> Result<(), StoreError> {
    let mut tx = store.pool().begin().await?;
    timed(
        sqlx::query!(
            "WITH gone AS (DELETE FROM current_state WHERE room_nid = $1),
                  servers AS (DELETE FROM room_servers WHERE room_nid = $1)
             DELETE FROM memberships WHERE room_nid = $1 AND NOT is_local",
            room.0
        )
        .execute(&mut *tx),
    )
    .await?;
    timed(
        sqlx::query!(
            "INSERT INTO current_state (room_nid, key_nid, event_nid) SELECT $1, * FROM UNNEST($2::int[], $3::bigint[])",
            room.0,
            &entries.iter().map(|(key, _)| key.0).collect::<Vec<_>>(),
            &entries.iter().map(|(_, event)| event.0).collect::<Vec<_>>(),
        )
        .execute(&mut *tx),
    )
    .await?;
    for rows in members.chunks(ROWS_PER_STATEMENT) {
        insert_members(&mut tx, room, rows).await?;
    }
    timed(
        sqlx::query!(
            "INSERT INTO room_servers (room_nid, server, joined)
             SELECT $1, substring(user_id from position(':' in user_id) + 1), count(*)
             FROM memberships WHERE room_nid = $1 AND membership = 2 GROUP BY 2",
            room.0
        )
        .execute(&mut *tx),
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

async fn insert_members(
    connection: &mut sqlx::PgConnection,
    room: RoomNid,
    rows: &[ImportedMember],
) -> Result<(), StoreError> {
    timed(
        sqlx::query!(
            "INSERT INTO memberships (room_nid, user_id, membership, is_local, was_joined, key_nid, event_nid, sender,
                                      position, display_name, avatar_url)
             SELECT $1, w.user_id, w.membership, w.is_local, w.was_joined, w.key_nid, w.event_nid, w.sender, h.position,
                    w.display_name, w.avatar_url
             FROM log_head h, UNNEST($2::text[], $3::smallint[], $4::boolean[], $5::boolean[], $6::int[], $7::bigint[],
                                     $8::text[], $9::text[], $10::text[])
                 AS w(user_id, membership, is_local, was_joined, key_nid, event_nid, sender, display_name, avatar_url)
             ON CONFLICT (room_nid, user_id) DO UPDATE SET
                 membership = excluded.membership, was_joined = memberships.was_joined OR excluded.was_joined,
                 event_nid = excluded.event_nid, sender = excluded.sender, position = excluded.position,
                 display_name = excluded.display_name, avatar_url = excluded.avatar_url
                 WHERE memberships.event_nid <> excluded.event_nid",
            room.0,
            &rows.iter().map(|row| row.change.user.as_str()).collect::<Vec<_>>() as _,
            &rows.iter().map(|row| row.change.after as i16).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.change.is_local).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.change.after == crate::log::Membership::Join).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.key.0).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.event.0).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.sender.as_str()).collect::<Vec<_>>() as _,
            &rows.iter().map(|row| row.change.display_name.as_deref()).collect::<Vec<_>>() as _,
            &rows.iter().map(|row| row.change.avatar_url.as_deref()).collect::<Vec<_>>() as _,
        )
        .execute(connection),
    )
    .await?;
    Ok(())
}

/// What another server told a user of a room that they are invited to, or knocked on: a JSON array
/// of stripped state events. It takes the place of what was told before.
///
/// # Errors
/// If the database does not answer.
pub async fn set_outside_state(
    store: &Store,
    room: RoomNid,
    user: &ruma::UserId,
    state: &str,
) -> Result<(), StoreError> {
    timed(
        sqlx::query!(
            "INSERT INTO outside_state (room_nid, user_id, state) VALUES ($1, $2, $3)
             ON CONFLICT (room_nid, user_id) DO UPDATE SET state = excluded.state",
            room.0,
            user.as_str(),
            state,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// What [`set_outside_state`] kept.
///
/// # Errors
/// If the database does not answer.
pub async fn find_outside_state(
    store: &Store,
    room: RoomNid,
    user: &ruma::UserId,
) -> Result<Option<String>, StoreError> {
    Ok(timed(
        sqlx::query_scalar!(
            "SELECT state FROM outside_state WHERE room_nid = $1 AND user_id = $2",
            room.0,
            user.as_str(),
        )
        .fetch_optional(store.pool()),
    )
    .await?)
}
