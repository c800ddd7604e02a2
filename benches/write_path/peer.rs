//! Postgres with no server in front, taking the rows that the server wrote.
//!
//! A peer has an easy life: one connection, rows ready in memory, tables that begin empty, no one to
//! answer. It waits for the disk as the server does.

use std::ops::Range;
use std::time::{Duration, Instant};

use sqlx::{PgConnection, PgPool};

/// All of them. The first batch is what 64 senders can fill at most.
pub(crate) const PEERS: [Peer; 5] = [
    Peer::writing(Share::Statement, 64),
    Peer::writing(Share::Statement, 512),
    Peer::writing(Share::Statement, 1),
    Peer::writing(Share::Events, 64),
    Peer::writing(Share::Everything, 64),
];

/// Which of the rows a peer writes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Share {
    /// A row of `events` and one of `log` for each event, with all their indexes.
    Events,
    /// What the statement of the log writes: besides, the new heads of the batch's rooms
    /// (`room_heads`) and of the log (`log_head`).
    Statement,
    /// Besides, what the readers of the log write of each message afterwards, while the server is
    /// measured: what it means to the room's members and to its sender, and its words for searches.
    Everything,
}

/// One way of writing them.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    share: Share,
    /// Events in one transaction.
    pub batch: usize,
}

impl Peer {
    const fn writing(share: Share, batch: usize) -> Self {
        Self { share, batch }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self.share {
            Share::Events => "events and log alone",
            Share::Statement => "the rows of the log's statement",
            Share::Everything => "the rows of all that a message leaves",
        }
    }

    /// Events per second that Postgres takes.
    pub(crate) async fn rate(self, pool: &PgPool, time: Duration) -> anyhow::Result<f64> {
        for statement in TABLES {
            sqlx::query(statement).execute(pool).await?;
        }
        let rows = Rows::read(pool).await?;
        let mut connection = pool.acquire().await?;
        let (start, mut written, mut next) = (Instant::now(), 0u64, 0usize);
        while start.elapsed() < time {
            let range = next..(next + self.batch).min(rows.json.len());
            next = if range.end == rows.json.len() {
                0
            } else {
                range.end
            };
            let base = i64::try_from(written)?;
            written += rows.write(&mut connection, range, base, self.share).await?;
        }
        Ok(written as f64 / start.elapsed().as_secs_f64())
    }
}

/// Rows of the server, in memory.
#[derive(Default)]
struct Rows {
    room: Vec<i64>,
    id: Vec<String>,
    sender: Vec<String>,
    txn: Vec<String>,
    json: Vec<String>,
    text: Vec<String>,
}

impl Rows {
    async fn read(pool: &PgPool) -> anyhow::Result<Self> {
        let rows: Vec<(i64, String, String, String, String, String)> = sqlx::query_as(
            "SELECT room_nid, event_id, sender, txn_id, json, json::json->'content'->>'body'
             FROM events WHERE txn_id IS NOT NULL ORDER BY anchor DESC LIMIT 4096",
        )
        .fetch_all(pool)
        .await?;
        let mut columns = Self::default();
        for (room, id, sender, txn, json, text) in rows {
            columns.room.push(room);
            columns.id.push(id);
            columns.sender.push(sender);
            columns.txn.push(txn);
            columns.json.push(json);
            columns.text.push(text);
        }
        Ok(columns)
    }

    async fn write(
        &self,
        connection: &mut PgConnection,
        range: Range<usize>,
        base: i64,
        share: Share,
    ) -> anyhow::Result<u64> {
        let count = range.len() as u64;
        let statement = match share {
            Share::Events => format!("WITH {EVENTS} {LOG}"),
            Share::Statement => format!("WITH {HEADS}, {EVENTS} {LOG}"),
            Share::Everything => format!("WITH {HEADS}, {READERS}, {EVENTS} {LOG}"),
        };
        // The text is the same each time, so that it is prepared once.
        let mut query = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(&self.room[range.clone()])
            .bind(&self.id[range.clone()])
            .bind(&self.sender[range.clone()])
            .bind(&self.txn[range.clone()])
            .bind(&self.json[range.clone()])
            .bind(base);
        if share != Share::Events {
            let mut rooms = self.room[range.clone()].to_vec();
            rooms.sort_unstable();
            rooms.dedup();
            query = query.bind(rooms);
        }
        if share == Share::Everything {
            query = query.bind(&self.text[range]);
        }
        query.execute(connection).await?;
        Ok(count)
    }
}

/// Empty tables with the indexes of the server's; heads have as much room on their pages.
const TABLES: [&str; 11] = [
    "DROP TABLE IF EXISTS plain_events, plain_log, plain_room_heads, plain_log_head, plain_push_shared,
         plain_push_actions, plain_search_words",
    "CREATE TABLE plain_events (LIKE events INCLUDING ALL)",
    "CREATE TABLE plain_log (LIKE log INCLUDING ALL)",
    "CREATE TABLE plain_room_heads (LIKE room_heads INCLUDING ALL) WITH (fillfactor = 50)",
    "INSERT INTO plain_room_heads SELECT * FROM room_heads",
    "CREATE TABLE plain_log_head (LIKE log_head INCLUDING ALL) WITH (fillfactor = 10)",
    "INSERT INTO plain_log_head SELECT true, 0",
    "CREATE TABLE plain_push_shared (LIKE push_shared INCLUDING ALL)",
    "CREATE TABLE plain_push_actions (LIKE push_actions INCLUDING ALL)",
    "CREATE TABLE plain_search_words (LIKE search_words INCLUDING ALL)",
    "ALTER INDEX plain_search_words_words_idx SET (gin_pending_list_limit = 512)",
];

const HEADS: &str = "heads AS (
    UPDATE plain_room_heads h
    SET version = $6 + 1, depth = h.depth + 1, extremities = ARRAY[$6 + 1], line = 0, step = 0, next_line = 1,
        joined_members = h.joined_members, invited_members = h.invited_members
    FROM UNNEST($7::bigint[]) AS w(room_nid)
    WHERE h.room_nid = w.room_nid
), head AS (
    UPDATE plain_log_head SET position = position + cardinality($1)
)";

const READERS: &str = "shared AS (
    INSERT INTO plain_push_shared (room_nid, thread_id, position, event_nid, highlight, actions, notified, highlighted)
    SELECT r, 'main', $6 + n, $6 + n, false, '[\"notify\"]', $6 + n, 0
    FROM UNNEST($1::bigint[]) WITH ORDINALITY AS w(r, n)
), actions AS (
    INSERT INTO plain_push_actions (room_nid, user_id, position, thread_id, event_nid, notified, highlighted, own)
    SELECT r, s, $6 + n, 'main', $6 + n, -1, 0, true
    FROM UNNEST($1::bigint[], $3::text[]) WITH ORDINALITY AS w(r, s, n)
), words AS (
    INSERT INTO plain_search_words (room_nid, event_nid, anchor, anchor_offset, key, has_url, sender, words)
    SELECT r, $6 + n, $6 + n, 0, 1, false, s, to_tsvector('simple', t)
    FROM UNNEST($1::bigint[], $3::text[], $8::text[]) WITH ORDINALITY AS w(r, s, t, n)
)";

const EVENTS: &str = "e AS (
    INSERT INTO plain_events (room_nid, event_nid, anchor, origin_ts, depth, line, step, event_id, type,
                              sender, device_id, txn_id, prev_nids, auth_nids, json)
    SELECT r, $6 + n, $6 + n, $6 + n, $6 + n, 0, 0, i || ($6 + n), 'm.room.message', s, 'DEVICE0000',
           t || ($6 + n), ARRAY[$6 + n], ARRAY[1::bigint, 2, 3], j
    FROM UNNEST($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[])
        WITH ORDINALITY AS w(r, i, s, t, j, n)
    RETURNING room_nid, event_nid)";

const LOG: &str = "
INSERT INTO plain_log (position, kind, room_nid, event_nid) SELECT event_nid, 1, room_nid, event_nid FROM e";
