//! The effect of a batch, written with the reader's cursor in one transaction.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::PgConnection;

use super::counts::{self, Counts};
use super::items::ReadUpTo;
use super::queue::NewQueued;
use super::{READER, enqueue};
use crate::ids::{EventNid, Position, RoomNid};
use crate::meter::timed;
use crate::{Store, StoreError};

/// All that a batch changes.
#[derive(Debug, Default)]
pub struct Effect {
    /// Where the reader was.
    pub from: Position,
    /// Where it is now.
    pub to: Position,
    /// Events that notify users with default rules, in order.
    pub shared: Vec<NewShared>,
    /// What events mean to single users.
    pub actions: Vec<NewAction>,
    /// Events that were redacted.
    pub redacted: Vec<Redacted>,
    /// Users of this server who came into rooms, or went.
    pub memberships: Vec<Membership>,
    /// Receipts.
    pub reads: Vec<ReadUpTo>,
    /// Users whose rules are their own from here on.
    pub personal: Vec<(String, Position)>,
    /// Notifications for push gateways.
    pub queue: Vec<NewQueued>,
    /// Users who set their lists of ignored users.
    pub ignored: Vec<(String, Vec<String>)>,
}

/// An event that notifies users with default rules.
#[derive(Debug, Clone)]
pub struct NewShared {
    /// The room.
    pub room: RoomNid,
    /// The thread.
    pub thread: Arc<str>,
    /// The event's position.
    pub position: Position,
    /// Its number.
    pub event: EventNid,
    /// Whether it is a highlight.
    pub highlight: bool,
    /// What the rule does, as JSON.
    pub actions: Arc<str>,
}

/// What an event means to one user.
#[derive(Debug, Clone)]
pub struct NewAction {
    /// The room.
    pub room: RoomNid,
    /// Who.
    pub user: String,
    /// The thread.
    pub thread: Arc<str>,
    /// The event's position.
    pub position: Position,
    /// Its number.
    pub event: EventNid,
    /// What it adds to the notifications.
    pub notified: i16,
    /// What it adds to the highlights.
    pub highlighted: i16,
    /// What the rule does, as JSON; none if the event does not notify the user.
    pub actions: Option<Arc<str>>,
    /// Whether the user has sent the event, and it does not notify them.
    pub own: bool,
}

/// An event that was redacted.
#[derive(Debug, Clone)]
pub struct Redacted {
    /// The room.
    pub room: RoomNid,
    /// The event's position.
    pub position: Position,
    /// Who sent it.
    pub sender: String,
}

/// A user of this server came into a room, or went.
#[derive(Debug, Clone)]
pub struct Membership {
    /// The room.
    pub room: RoomNid,
    /// Who.
    pub user: String,
    /// At which position.
    pub position: Position,
    /// Whether they came.
    pub joined: bool,
}

/// What became of an effect.
#[derive(Debug)]
pub enum Written {
    /// It is written. What is unread to those who have read or come.
    Done(Counts),
    /// Another process has read on: nothing is written, and what was remembered is out of date.
    Behind,
}

/// Writes an effect, or nothing if the cursor is not where it was.
///
/// # Errors
/// If the database does not answer; then nothing is written, or it is not known.
pub async fn write_batch(store: &Store, effect: &Effect) -> Result<Written, StoreError> {
    let mut tx = store.pool().begin().await?;
    // What leaves the house waits for the disk; anything else is worked out again after a crash of
    // Postgres, which takes the cursor back, too.
    let wait = if effect.queue.is_empty() { "off" } else { "on" };
    let moved = timed(
        sqlx::query!(
            "UPDATE log_readers SET position = $3
             WHERE name = $1 AND position = $2 AND set_config('synchronous_commit', $4, true) IS NOT NULL",
            READER,
            effect.from.0,
            effect.to.0,
            wait,
        )
        .execute(&mut *tx),
    )
    .await?;
    if moved.rows_affected() == 0 {
        return Ok(Written::Behind);
    }
    shared(&mut tx, &effect.shared).await?;
    actions(&mut tx, &effect.actions).await?;
    enqueue::queue(&mut tx, &effect.queue, effect.to).await?;
    redacted(&mut tx, &effect.redacted, effect.to).await?;
    memberships(&mut tx, &effect.memberships, effect.to).await?;
    reads(&mut tx, &effect.reads, effect.to).await?;
    personal(&mut tx, &effect.personal).await?;
    ignored(&mut tx, &effect.ignored).await?;
    let pairs = effect.to_count();
    let counts = if pairs.is_empty() {
        Counts::default()
    } else {
        counts::read(&mut tx, &pairs).await?
    };
    tx.commit().await?;
    Ok(Written::Done(counts))
}

impl Effect {
    /// Rooms and users of which it is counted anew.
    pub fn to_count(&self) -> Vec<(RoomNid, &str)> {
        let joined = self.memberships.iter().filter(|change| change.joined);
        let mut pairs: Vec<(RoomNid, &str)> = self
            .reads
            .iter()
            .map(|read| (read.room, read.user.as_str()))
            .chain(joined.map(|change| (change.room, change.user.as_str())))
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }
}

async fn shared(connection: &mut PgConnection, rows: &[NewShared]) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    timed(
        sqlx::query!(
            r#"
WITH new AS (
    SELECT n.*, count(*) OVER w AS nth, sum(n.highlight::int) OVER w AS nth_highlight
    FROM UNNEST($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::boolean[], $6::text[])
        AS n(room_nid, thread_id, position, event_nid, highlight, actions)
    WINDOW w AS (PARTITION BY n.room_nid, n.thread_id ORDER BY n.position)
), totalled AS (
    SELECT n.room_nid, n.thread_id, n.position, n.event_nid, n.highlight, n.actions,
           coalesce(t.notified, 0) + n.nth AS notified,
           coalesce(t.highlighted, 0) + n.nth_highlight AS highlighted
    FROM new n LEFT JOIN push_threads t ON t.room_nid = n.room_nid AND t.thread_id = n.thread_id
), threads AS (
    INSERT INTO push_threads (room_nid, thread_id, position, notified, highlighted)
    SELECT DISTINCT ON (room_nid, thread_id) room_nid, thread_id, position, notified, highlighted
    FROM totalled ORDER BY room_nid, thread_id, position DESC
    ON CONFLICT (room_nid, thread_id) DO UPDATE SET position = excluded.position,
        notified = excluded.notified, highlighted = excluded.highlighted
)
INSERT INTO push_shared (room_nid, thread_id, position, event_nid, highlight, actions, notified, highlighted)
SELECT room_nid, thread_id, position, event_nid, highlight, actions, notified, highlighted FROM totalled
            "#,
            &rows.iter().map(|row| row.room.0).collect::<Vec<_>>(),
            &rows.iter().map(|row| &*row.thread).collect::<Vec<_>>() as _,
            &rows.iter().map(|row| row.position.0).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.event.0).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.highlight).collect::<Vec<_>>(),
            &rows.iter().map(|row| &*row.actions).collect::<Vec<_>>() as _,
        )
        .execute(connection),
    )
    .await?;
    Ok(())
}

async fn actions(connection: &mut PgConnection, rows: &[NewAction]) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    timed(
        sqlx::query!(
            "INSERT INTO push_actions
                 (room_nid, user_id, position, thread_id, event_nid, notified, highlighted, actions, own)
             SELECT * FROM UNNEST($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::bigint[],
                                  $6::smallint[], $7::smallint[], $8::text[], $9::boolean[])",
            &rows.iter().map(|row| row.room.0).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.user.as_str()).collect::<Vec<_>>() as _,
            &rows.iter().map(|row| row.position.0).collect::<Vec<_>>(),
            &rows.iter().map(|row| &*row.thread).collect::<Vec<_>>() as _,
            &rows.iter().map(|row| row.event.0).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.notified).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.highlighted).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.actions.as_deref()).collect::<Vec<_>>() as _,
            &rows.iter().map(|row| row.own).collect::<Vec<_>>(),
        )
        .execute(connection),
    )
    .await?;
    Ok(())
}

async fn redacted(
    connection: &mut PgConnection,
    rows: &[Redacted],
    now: Position,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let rooms: Vec<i64> = rows.iter().map(|row| row.room.0).collect();
    let positions: Vec<i64> = rows.iter().map(|row| row.position.0).collect();
    timed(
        sqlx::query!(
            "INSERT INTO push_redacted (room_nid, position, thread_id, highlight, changed_at)
             SELECT s.room_nid, s.position, s.thread_id, s.highlight, $3
             FROM UNNEST($1::bigint[], $2::bigint[]) AS w(room_nid, position)
             CROSS JOIN LATERAL (
                 SELECT s.* FROM push_shared s
                 WHERE s.room_nid = w.room_nid AND s.thread_id = 'main' AND s.position = w.position
                 UNION ALL
                 SELECT s.* FROM push_shared s
                 WHERE s.room_nid = w.room_nid AND s.thread_id <> 'main' AND s.position = w.position) s
             ON CONFLICT DO NOTHING",
            &rooms,
            &positions,
            now.0,
        )
        .execute(&mut *connection),
    )
    .await?;
    timed(
        sqlx::query!(
            "WITH w AS (
                 SELECT * FROM UNNEST($1::bigint[], $2::bigint[], $3::text[]) AS w(room_nid, position, sender)
             ), senders AS (
                 DELETE FROM push_actions a USING w
                 WHERE a.room_nid = w.room_nid AND a.user_id = w.sender AND a.position = w.position AND a.own
             )
             DELETE FROM push_actions a USING w
             WHERE a.room_nid = w.room_nid AND a.position = w.position AND NOT a.own",
            &rooms,
            &positions,
            &rows.iter().map(|row| row.sender.as_str()).collect::<Vec<_>>() as _,
        )
        .execute(&mut *connection),
    )
    .await?;
    enqueue::without_redacted(connection, rows).await
}

/// Whoever comes has read everything before; of who goes nothing is kept.
async fn memberships(
    connection: &mut PgConnection,
    rows: &[Membership],
    now: Position,
) -> Result<(), sqlx::Error> {
    let last: HashMap<(RoomNid, &str), &Membership> = rows
        .iter()
        .map(|row| ((row.room, row.user.as_str()), row))
        .collect();
    if last.is_empty() {
        return Ok(());
    }
    let rows: Vec<&Membership> = last.into_values().collect();
    let rooms: Vec<i64> = rows.iter().map(|row| row.room.0).collect();
    let users: Vec<&str> = rows.iter().map(|row| row.user.as_str()).collect();
    let positions: Vec<i64> = rows.iter().map(|row| row.position.0).collect();
    timed(
        sqlx::query!(
            "DELETE FROM push_marks m USING UNNEST($1::bigint[], $2::text[]) AS w(room_nid, user_id)
             WHERE m.room_nid = w.room_nid AND m.user_id = w.user_id",
            &rooms,
            &users as _,
        )
        .execute(&mut *connection),
    )
    .await?;
    timed(
        sqlx::query!(
            "DELETE FROM push_actions a
             USING UNNEST($1::bigint[], $2::text[], $3::bigint[]) AS w(room_nid, user_id, position)
             WHERE a.room_nid = w.room_nid AND a.user_id = w.user_id AND a.position < w.position",
            &rooms,
            &users as _,
            &positions,
        )
        .execute(&mut *connection),
    )
    .await?;
    timed(
        sqlx::query!(
            "INSERT INTO push_marks (room_nid, user_id, thread_id, position, joined_at, changed_at)
             SELECT w.room_nid, w.user_id, '', w.position, w.position, $5
             FROM UNNEST($1::bigint[], $2::text[], $3::bigint[], $4::boolean[]) AS w(room_nid, user_id, position, joined)
             WHERE w.joined",
            &rooms,
            &users as _,
            &positions,
            &rows.iter().map(|row| row.joined).collect::<Vec<_>>(),
            now.0,
        )
        .execute(connection),
    )
    .await?;
    Ok(())
}

/// Marks only go forward. Where the whole room was read further than a thread, the thread's mark
/// goes.
async fn reads(
    connection: &mut PgConnection,
    rows: &[ReadUpTo],
    now: Position,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut furthest: HashMap<(RoomNid, &str, &str), i64> = HashMap::new();
    for row in rows {
        let key = (row.room, row.user.as_str(), row.thread_id.as_str());
        let position = furthest.entry(key).or_default();
        *position = (*position).max(row.position.0);
    }
    let keys: Vec<_> = furthest.into_iter().collect();
    let rooms: Vec<i64> = keys.iter().map(|(key, _)| key.0.0).collect();
    let users: Vec<&str> = keys.iter().map(|(key, _)| key.1).collect();
    timed(
        sqlx::query!(
            "INSERT INTO push_marks (room_nid, user_id, thread_id, position, changed_at)
             SELECT w.room_nid, w.user_id, w.thread_id, w.position, $5
             FROM UNNEST($1::bigint[], $2::text[], $3::text[], $4::bigint[]) AS w(room_nid, user_id, thread_id, position)
             JOIN push_marks b ON b.room_nid = w.room_nid AND b.user_id = w.user_id AND b.thread_id = ''
             WHERE w.thread_id = '' OR w.position > b.position
             ON CONFLICT (room_nid, user_id, thread_id) DO UPDATE
             SET position = excluded.position, changed_at = excluded.changed_at
             WHERE push_marks.position < excluded.position",
            &rooms,
            &users as _,
            &keys.iter().map(|(key, _)| key.2).collect::<Vec<_>>() as _,
            &keys.iter().map(|(_, position)| *position).collect::<Vec<_>>(),
            now.0,
        )
        .execute(&mut *connection),
    )
    .await?;
    timed(
        sqlx::query!(
            "DELETE FROM push_marks m
             USING UNNEST($1::bigint[], $2::text[]) AS w(room_nid, user_id), push_marks b
             WHERE m.room_nid = w.room_nid AND m.user_id = w.user_id AND m.thread_id <> ''
               AND b.room_nid = w.room_nid AND b.user_id = w.user_id AND b.thread_id = ''
               AND m.position <= b.position",
            &rooms,
            &users as _,
        )
        .execute(&mut *connection),
    )
    .await?;
    enqueue::after_reading(connection, rows, now).await
}

async fn personal(
    connection: &mut PgConnection,
    rows: &[(String, Position)],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    timed(
        sqlx::query!(
            "INSERT INTO push_personal (user_id, position)
             SELECT * FROM UNNEST($1::text[], $2::bigint[])
             ON CONFLICT DO NOTHING",
            &rows.iter().map(|row| row.0.as_str()).collect::<Vec<_>>() as _,
            &rows.iter().map(|row| row.1.0).collect::<Vec<_>>(),
        )
        .execute(connection),
    )
    .await?;
    Ok(())
}

async fn ignored(
    connection: &mut PgConnection,
    rows: &[(String, Vec<String>)],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    timed(
        sqlx::query!(
            "DELETE FROM push_ignored WHERE user_id = ANY($1)",
            &rows.iter().map(|row| row.0.as_str()).collect::<Vec<_>>() as _,
        )
        .execute(&mut *connection),
    )
    .await?;
    let pairs: Vec<(&str, &str)> = rows
        .iter()
        .flat_map(|(user, ignored)| ignored.iter().map(|other| (other.as_str(), user.as_str())))
        .collect();
    timed(
        sqlx::query!(
            "INSERT INTO push_ignored (ignored_id, user_id)
             SELECT * FROM UNNEST($1::text[], $2::text[]) ON CONFLICT DO NOTHING",
            &pairs.iter().map(|pair| pair.0).collect::<Vec<_>>() as _,
            &pairs.iter().map(|pair| pair.1).collect::<Vec<_>>() as _,
        )
        .execute(connection),
    )
    .await?;
    Ok(())
}
