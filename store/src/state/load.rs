//! Reading states.

use std::collections::HashMap;

use crate::ids::{EventNid, KeyNid, RoomNid, StateRef};
use crate::meter::timed;
use crate::{Store, StoreError};

/// A whole state, sorted by key. Two queries, whatever the state's size.
///
/// # Errors
/// If the database does not answer or a checkpoint is corrupt.
pub async fn load(
    store: &Store,
    room: RoomNid,
    at: StateRef,
) -> Result<Vec<(KeyNid, EventNid)>, StoreError> {
    let chunks = timed(
        sqlx::query!(
            r#"
WITH RECURSIVE chain(line, upto, depth) AS (
    VALUES ($2::int, $3::int, 0)
    UNION ALL
    SELECT l.parent_line, l.parent_step, c.depth + 1
    FROM chain c JOIN state_lines l ON l.room_nid = $1 AND l.line = c.line
    WHERE l.parent_line IS NOT NULL
), best AS (
    SELECT c.depth, p.line, p.step FROM chain c
    JOIN LATERAL (SELECT line, step FROM state_checkpoints p
                  WHERE p.room_nid = $1 AND p.line = c.line AND p.step <= c.upto
                  ORDER BY step DESC LIMIT 1) p ON true
    ORDER BY c.depth LIMIT 1
)
SELECT best.line AS "line!", best.step AS "step!", p.entries AS "entries!"
FROM best JOIN state_checkpoints p ON p.room_nid = $1 AND p.line = best.line AND p.step = best.step
ORDER BY p.first_key
            "#,
            room.0,
            at.line,
            at.step,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let base = chunks.first().map(|chunk| StateRef {
        line: chunk.line,
        step: chunk.step,
    });
    let mut entries = Vec::new();
    for chunk in chunks {
        let unpacked = super::pack::unpack(&chunk.entries).ok_or_else(|| StoreError::Corrupt {
            table: "state_checkpoints",
            id: format!("{room} {}/{}", chunk.line, chunk.step),
        })?;
        entries.extend(unpacked);
    }
    let changes = changes_since(store, room, at, base).await?;
    Ok(apply(entries, changes))
}

/// What changed on the way from the checkpoint `base` (from nothing, without one) to `at`: the
/// last change of each key.
async fn changes_since(
    store: &Store,
    room: RoomNid,
    at: StateRef,
    base: Option<StateRef>,
) -> Result<HashMap<KeyNid, EventNid>, StoreError> {
    let rows = timed(
        sqlx::query!(
            r#"
WITH RECURSIVE chain(line, upto, depth) AS (
    VALUES ($2::int, $3::int, 0)
    UNION ALL
    SELECT l.parent_line, l.parent_step, c.depth + 1
    FROM chain c JOIN state_lines l ON l.room_nid = $1 AND l.line = c.line
    WHERE l.parent_line IS NOT NULL AND c.line IS DISTINCT FROM $4
)
SELECT s.key_nid, s.event_nid FROM chain c
JOIN state_changes s ON s.room_nid = $1 AND s.line = c.line AND s.step <= c.upto
    AND s.step > CASE WHEN c.line = $4 THEN $5 ELSE 0 END
ORDER BY c.depth DESC, s.step
            "#,
            room.0,
            at.line,
            at.step,
            base.map(|base| base.line),
            base.map_or(0, |base| base.step),
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (KeyNid(row.key_nid), EventNid(row.event_nid)))
        .collect())
}

fn apply(
    mut entries: Vec<(KeyNid, EventNid)>,
    mut changes: HashMap<KeyNid, EventNid>,
) -> Vec<(KeyNid, EventNid)> {
    for (key, event) in &mut entries {
        if let Some(changed) = changes.remove(key) {
            *event = changed;
        }
    }
    entries.extend(changes);
    entries.retain(|(_, event)| event.0 != 0);
    entries.sort_unstable_by_key(|(key, _)| *key);
    entries
}

/// One entry of a state, without loading the state.
///
/// # Errors
/// If the database does not answer.
pub async fn find_entry(
    store: &Store,
    room: RoomNid,
    at: StateRef,
    key: KeyNid,
) -> Result<Option<EventNid>, StoreError> {
    let found = find_entries(store, room, at, &[key]).await?;
    Ok(found.first().map(|(_, event)| *event))
}

/// Some entries of a state, without loading the state: one query.
///
/// # Errors
/// If the database does not answer.
pub async fn find_entries(
    store: &Store,
    room: RoomNid,
    at: StateRef,
    keys: &[KeyNid],
) -> Result<Vec<(KeyNid, EventNid)>, StoreError> {
    let keys: Vec<i32> = keys.iter().map(|key| key.0).collect();
    let rows = timed(
        sqlx::query!(
            r#"
WITH RECURSIVE chain(line, upto, depth) AS (
    VALUES ($2::int, $3::int, 0)
    UNION ALL
    SELECT l.parent_line, l.parent_step, c.depth + 1
    FROM chain c JOIN state_lines l ON l.room_nid = $1 AND l.line = c.line
    WHERE l.parent_line IS NOT NULL
)
SELECT w.key_nid AS "key_nid!", f.event_nid AS "event_nid!"
FROM UNNEST($4::int[]) AS w(key_nid)
CROSS JOIN LATERAL (
    SELECT s.event_nid FROM chain c
    CROSS JOIN LATERAL (
        SELECT s.event_nid FROM state_changes s
        WHERE s.room_nid = $1 AND s.line = c.line AND s.key_nid = w.key_nid AND s.step <= c.upto
        ORDER BY s.step DESC LIMIT 1
    ) s
    ORDER BY c.depth LIMIT 1
) f
WHERE f.event_nid <> 0
            "#,
            room.0,
            at.line,
            at.step,
            &keys,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (KeyNid(row.key_nid), EventNid(row.event_nid)))
        .collect())
}

/// What differs between two states of a room: `(key, event in b)`; number 0 where `b` has none.
///
/// On one line that is the rows between them. States of different lines are loaded and compared.
///
/// # Errors
/// If the database does not answer.
pub async fn diff(
    store: &Store,
    room: RoomNid,
    a: StateRef,
    b: StateRef,
) -> Result<Vec<(KeyNid, EventNid)>, StoreError> {
    if a == b {
        return Ok(Vec::new());
    }
    if a.line == b.line && a.step < b.step {
        let changes = changes_since(store, room, b, Some(a)).await?;
        return Ok(changes.into_iter().collect());
    }
    let old: HashMap<KeyNid, EventNid> = load(store, room, a).await?.into_iter().collect();
    let mut new: HashMap<KeyNid, EventNid> = load(store, room, b).await?.into_iter().collect();
    let gone: Vec<KeyNid> = old
        .keys()
        .filter(|key| !new.contains_key(key))
        .copied()
        .collect();
    new.retain(|key, event| old.get(key) != Some(event));
    new.extend(gone.into_iter().map(|key| (key, EventNid(0))));
    Ok(new.into_iter().collect())
}
