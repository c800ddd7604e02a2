//! How much somebody has not read. One query, whatever the number of rooms and users.

use std::collections::HashMap;

use sqlx::PgConnection;

use super::{MAIN, small};
use crate::ids::{Position, RoomNid};
use crate::meter::timed;
use crate::sync::Snapshot;
use crate::{Store, StoreError};

/// Threads of a room that are looked at for one user, at most (those in which something happened
/// last).
const MAX_THREADS: i64 = 1_000;

/// Rooms of one user that are looked at, at most.
const MAX_ROOMS: i64 = 50_000;

/// What is unread in one thread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ThreadCount {
    /// Events that notify.
    pub notified: u32,
    /// Those of them that are highlights.
    pub highlighted: u32,
}

/// What is unread in a room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoomCounts {
    /// What is in no thread.
    pub main: ThreadCount,
    /// Threads in which something is unread, by their roots, in order.
    pub threads: Vec<(Box<str>, ThreadCount)>,
}

impl RoomCounts {
    /// All of the room.
    pub fn total(&self) -> ThreadCount {
        let threads = self.threads.iter().map(|(_, count)| count);
        threads.fold(self.main, |sum, count| ThreadCount {
            notified: sum.notified.saturating_add(count.notified),
            highlighted: sum.highlighted.saturating_add(count.highlighted),
        })
    }

    /// Adds to one thread; what would fall below nothing is nothing.
    pub fn add(&mut self, thread: &str, notified: i32, highlighted: i32) {
        let count = if thread == MAIN {
            &mut self.main
        } else {
            match self
                .threads
                .binary_search_by(|(root, _)| (**root).cmp(thread))
            {
                Ok(at) => &mut self.threads[at].1,
                Err(at) => {
                    self.threads
                        .insert(at, (thread.into(), ThreadCount::default()));
                    &mut self.threads[at].1
                }
            }
        };
        count.notified = count.notified.saturating_add_signed(notified);
        count.highlighted = count.highlighted.saturating_add_signed(highlighted);
        if thread != MAIN && *count == ThreadCount::default() {
            self.threads.retain(|(root, _)| **root != *thread);
        }
    }
}

/// Counts of some users in some rooms, as they stand at one position of the reader. Who has read
/// everything, or is not in the room, is absent.
#[derive(Debug, Default)]
pub struct Counts {
    /// Where the reader was.
    pub position: Position,
    /// By user and room.
    pub rooms: HashMap<(String, RoomNid), RoomCounts>,
}

/// Counts for pairs of a room and a user. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn counts(store: &Store, pairs: &[(RoomNid, &str)]) -> Result<Counts, StoreError> {
    let mut connection = store.pool().acquire().await?;
    Ok(read(&mut connection, pairs).await?)
}

/// Counts of one user in some rooms at the moment of the snapshot. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn counts_in(
    snapshot: &mut Snapshot,
    user: &str,
    rooms: &[RoomNid],
) -> Result<Counts, StoreError> {
    let pairs: Vec<(RoomNid, &str)> = rooms.iter().map(|room| (*room, user)).collect();
    Ok(read(snapshot.connection(), &pairs).await?)
}

/// The rooms of a user in which the counts may have changed after a position. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn counts_since(
    snapshot: &mut Snapshot,
    user: &str,
    after: Position,
) -> Result<Vec<RoomNid>, StoreError> {
    let rows = timed(
        sqlx::query_scalar!(
            "SELECT b.room_nid FROM memberships j
             JOIN push_marks b ON b.room_nid = j.room_nid AND b.user_id = j.user_id AND b.thread_id = ''
             WHERE j.user_id = $1 AND j.membership = 2 AND (
                 EXISTS (SELECT 1 FROM push_threads t WHERE t.room_nid = b.room_nid AND t.position > $2)
                 OR EXISTS (SELECT 1 FROM push_actions a
                            WHERE a.room_nid = b.room_nid AND a.user_id = $1 AND a.position > $2)
                 OR EXISTS (SELECT 1 FROM push_redacted r WHERE r.room_nid = b.room_nid AND r.changed_at > $2)
                 OR EXISTS (SELECT 1 FROM push_marks m
                            WHERE m.room_nid = b.room_nid AND m.user_id = $1 AND m.changed_at > $2))
             LIMIT $3",
            user,
            after.0,
            MAX_ROOMS,
        )
        .fetch_all(snapshot.connection()),
    )
    .await?;
    Ok(rows.into_iter().map(RoomNid).collect())
}

/// What is unread to one user in one thread; nothing but the position if nobody has anything unread.
struct CountRow {
    position: i64,
    room_nid: Option<i64>,
    user_id: Option<String>,
    thread_id: Option<String>,
    notified: Option<i64>,
    highlighted: Option<i64>,
}

/// Of each thread with something after the mark of the whole room: the totals now, less the totals
/// at the mark that counts, less what was redacted, and what the events mean to the user besides.
/// Where the row at a mark was forgotten, the first that is left stands for it.
pub(super) async fn read(
    connection: &mut PgConnection,
    pairs: &[(RoomNid, &str)],
) -> Result<Counts, sqlx::Error> {
    let rows = timed(
        sqlx::query_as!(
            CountRow,
            r#"
WITH base AS MATERIALIZED (
    SELECT b.room_nid, b.user_id, b.position AS read_to, coalesce(p.position, 9223372036854775807) AS until
    FROM UNNEST($1::bigint[], $2::text[]) AS w(room_nid, user_id)
    JOIN push_marks b ON b.room_nid = w.room_nid AND b.user_id = w.user_id AND b.thread_id = ''
    LEFT JOIN push_personal p ON p.user_id = b.user_id
), parts AS (
    SELECT b.room_nid, b.user_id, t.thread_id,
           now.notified - coalesce(seen.notified, lost.notified, 0) AS notified,
           now.highlighted - coalesce(seen.highlighted, lost.highlighted, 0) AS highlighted
    FROM base b
    CROSS JOIN LATERAL (
        SELECT t.thread_id, t.position FROM push_threads t
        WHERE t.room_nid = b.room_nid AND t.position > b.read_to ORDER BY t.position DESC LIMIT $3) t
    LEFT JOIN push_marks m ON m.room_nid = b.room_nid AND m.user_id = b.user_id AND m.thread_id = t.thread_id
    CROSS JOIN LATERAL (SELECT greatest(b.read_to, m.position) AS read_to) e
    CROSS JOIN LATERAL (
        SELECT s.notified, s.highlighted FROM push_shared s
        WHERE s.room_nid = b.room_nid AND s.thread_id = t.thread_id
          AND s.position > e.read_to AND s.position <= b.until
        ORDER BY s.position DESC LIMIT 1) now
    LEFT JOIN LATERAL (
        SELECT s.notified, s.highlighted FROM push_shared s
        WHERE s.room_nid = b.room_nid AND s.thread_id = t.thread_id AND s.position <= e.read_to
        ORDER BY s.position DESC LIMIT 1) seen ON true
    LEFT JOIN LATERAL (
        SELECT s.notified - 1 AS notified, s.highlighted - s.highlight::int AS highlighted FROM push_shared s
        WHERE s.room_nid = b.room_nid AND s.thread_id = t.thread_id AND s.position > e.read_to
        ORDER BY s.position LIMIT 1) lost ON seen IS NULL
    UNION ALL
    SELECT b.room_nid, b.user_id, r.thread_id, -1, -r.highlight::int
    FROM base b
    JOIN push_redacted r ON r.room_nid = b.room_nid AND r.position > b.read_to AND r.position <= b.until
    LEFT JOIN push_marks m ON m.room_nid = b.room_nid AND m.user_id = b.user_id AND m.thread_id = r.thread_id
    WHERE r.position > coalesce(m.position, 0)
    UNION ALL
    SELECT b.room_nid, b.user_id, a.thread_id, a.notified, a.highlighted
    FROM base b
    JOIN push_actions a ON a.room_nid = b.room_nid AND a.user_id = b.user_id AND a.position > b.read_to
    LEFT JOIN push_marks m ON m.room_nid = b.room_nid AND m.user_id = b.user_id AND m.thread_id = a.thread_id
    WHERE a.position > coalesce(m.position, 0)
), sums AS (
    SELECT room_nid, user_id, thread_id, sum(notified)::bigint AS notified, sum(highlighted)::bigint AS highlighted
    FROM parts GROUP BY room_nid, user_id, thread_id
)
SELECT l.position, s.room_nid AS "room_nid?", s.user_id AS "user_id?", s.thread_id AS "thread_id?",
       s.notified AS "notified?", s.highlighted AS "highlighted?"
FROM log_readers l LEFT JOIN sums s ON s.notified > 0 OR s.highlighted > 0
WHERE l.name = 'push' ORDER BY s.thread_id
            "#,
            &pairs.iter().map(|pair| pair.0.0).collect::<Vec<_>>(),
            &pairs.iter().map(|pair| pair.1).collect::<Vec<_>>() as _,
            MAX_THREADS,
        )
        .fetch_all(connection),
    )
    .await?;
    Ok(gather(rows))
}

/// By user and room.
fn gather(rows: Vec<CountRow>) -> Counts {
    let mut found = Counts::default();
    for row in rows {
        found.position = Position(row.position);
        let (Some(room), Some(user), Some(thread)) = (row.room_nid, row.user_id, row.thread_id)
        else {
            continue;
        };
        let counts = found.rooms.entry((user, RoomNid(room))).or_default();
        let count = ThreadCount {
            notified: small(row.notified.unwrap_or(0)),
            highlighted: small(row.highlighted.unwrap_or(0)),
        };
        if thread == MAIN {
            counts.main = count;
        } else {
            counts.threads.push((thread.into(), count));
        }
    }
    for counts in found.rooms.values_mut() {
        counts
            .threads
            .sort_unstable_by(|one, other| one.0.cmp(&other.0));
    }
    found
}
