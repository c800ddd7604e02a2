//! Lines of states, as they hang on each other.

use crate::ids::{EventNid, KeyNid, RoomNid, StateRef};
use crate::meter::timed;
use crate::{Store, StoreError};

/// A line of states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineRow {
    /// Its number within the room.
    pub line: i32,
    /// The state that it starts from; nothing without one.
    pub parent: Option<StateRef>,
    /// Lines below it.
    pub height: i32,
    /// Its last step.
    pub end: i32,
}

/// A piece of a line: the steps with `after < step <= up_to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Segment {
    /// Which line.
    pub line: i32,
    /// The last step that is not in it.
    pub after: i32,
    /// The last step that is in it.
    pub up_to: i32,
}

/// A step of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The state after it.
    pub at: StateRef,
    /// What changed.
    pub key: KeyNid,
    /// The event that stands there since; number 0 if none does.
    pub event: EventNid,
}

/// Some lines of a room, with all that they hang on. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn find_lines(
    store: &Store,
    room: RoomNid,
    lines: &[i32],
) -> Result<Vec<LineRow>, StoreError> {
    let rows = timed(
        sqlx::query!(
            r#"
WITH RECURSIVE chain(line) AS (
    SELECT * FROM UNNEST($2::int[])
    UNION
    SELECT l.parent_line FROM chain c JOIN state_lines l ON l.room_nid = $1 AND l.line = c.line
    WHERE l.parent_line IS NOT NULL
)
SELECT l.line, l.parent_line, l.parent_step, l.height,
       coalesce((SELECT max(s.step) FROM state_changes s WHERE s.room_nid = $1 AND s.line = l.line), 0) AS "end!"
FROM chain c JOIN state_lines l ON l.room_nid = $1 AND l.line = c.line
            "#,
            room.0,
            lines,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| LineRow {
            line: row.line,
            parent: row
                .parent_line
                .zip(row.parent_step)
                .map(|(line, step)| StateRef { line, step }),
            height: row.height,
            end: row.end,
        })
        .collect())
}

/// The steps of some pieces of lines, each line's in order. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn load_steps(
    store: &Store,
    room: RoomNid,
    segments: &[Segment],
) -> Result<Vec<Step>, StoreError> {
    let lines: Vec<i32> = segments.iter().map(|segment| segment.line).collect();
    let after: Vec<i32> = segments.iter().map(|segment| segment.after).collect();
    let up_to: Vec<i32> = segments.iter().map(|segment| segment.up_to).collect();
    let rows = timed(
        sqlx::query!(
            "SELECT DISTINCT s.line, s.step, s.key_nid, s.event_nid
             FROM UNNEST($2::int[], $3::int[], $4::int[]) AS w(line, after, up_to)
             JOIN state_changes s ON s.room_nid = $1 AND s.line = w.line AND s.step > w.after AND s.step <= w.up_to
             ORDER BY s.line, s.step",
            room.0,
            &lines,
            &after,
            &up_to,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Step {
            at: StateRef {
                line: row.line,
                step: row.step,
            },
            key: KeyNid(row.key_nid),
            event: EventNid(row.event_nid),
        })
        .collect())
}
