//! Filling the table of words.

use sqlx::{PgConnection, Postgres, Transaction};

use super::languages::three;
use super::{Key, READER};
use crate::ids::{EventNid, Position, RoomNid, RoomPlace};
use crate::meter::timed;
use crate::{Store, StoreError};

/// Types of events that say what is to be found, or that something is not.
pub const TYPES: [&str; 4] = [
    "m.room.message",
    "m.room.name",
    "m.room.topic",
    "m.room.redaction",
];

/// An event that changes what is to be found.
#[derive(Debug, Clone)]
pub struct LoggedText {
    /// The room.
    pub room: RoomNid,
    /// Its id.
    pub event_id: String,
    /// Its type.
    pub event_type: String,
    /// The event.
    pub json: String,
    /// The room's version.
    pub version: String,
}

/// An event that may be found, as it stands in the tables now.
#[derive(Debug, Clone)]
pub struct Target {
    /// The room.
    pub room: RoomNid,
    /// Its number.
    pub nid: EventNid,
    /// Its id.
    pub event_id: String,
    /// Its place; outliers have none.
    pub place: Option<RoomPlace>,
    /// See [`crate::log::REJECTED`] and its neighbours.
    pub flags: i16,
    /// The event.
    pub json: String,
    /// The room's version.
    pub version: String,
    /// Number and JSON of the newest valid edit.
    pub edit: Option<(EventNid, String)>,
}

/// The words of an event.
#[derive(Debug, Clone)]
pub struct Words {
    /// The room.
    pub room: RoomNid,
    /// The event.
    pub event: EventNid,
    /// Its place.
    pub place: RoomPlace,
    /// The edit whose words these are.
    pub edit: Option<EventNid>,
    /// What of the event it is.
    pub key: Key,
    /// Whether the content has a `url`.
    pub has_url: bool,
    /// Who sent it.
    pub sender: String,
    /// The text.
    pub text: String,
}

/// The position of the reader, and that of the log.
///
/// # Errors
/// If the database does not answer.
pub async fn load_positions(store: &Store) -> Result<(Position, Position), StoreError> {
    let row = timed(
        sqlx::query!(
            "SELECT r.position AS reader, h.position AS log FROM log_readers r, log_head h WHERE r.name = $1",
            READER,
        )
        .fetch_one(store.pool()),
    )
    .await?;
    Ok((Position(row.reader), Position(row.log)))
}

/// A step of filling: one transaction that nobody else's overlaps, so what is written is what stood
/// in the tables after the change that it is about.
#[derive(Debug)]
pub struct Filling {
    tx: Transaction<'static, Postgres>,
    position: Position,
    languages: Vec<String>,
    history: Option<(RoomNid, EventNid)>,
}

impl Filling {
    /// Begins a step. What was filled in other languages is to be gone through again.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn begin(store: &Store, languages: &[String]) -> Result<Self, StoreError> {
        let mut tx = store.pool().begin().await?;
        // What is lost in a crash of Postgres is worked out again: it takes the cursor back, too.
        let row = timed(
            sqlx::query!(
                "SELECT f.languages, f.room_nid, f.event_nid, f.done, r.position
                 FROM search_filling f JOIN log_readers r ON r.name = $1
                 WHERE set_config('synchronous_commit', 'off', true) IS NOT NULL
                 FOR UPDATE",
                READER,
            )
            .fetch_one(&mut *tx),
        )
        .await?;
        let is_same = row.languages == languages;
        let history = match (is_same, row.done) {
            (false, _) => Some((RoomNid(0), EventNid(0))),
            (true, false) => Some((RoomNid(row.room_nid), EventNid(row.event_nid))),
            (true, true) => None,
        };
        Ok(Self {
            tx,
            position: Position(row.position),
            languages: languages.to_vec(),
            history,
        })
    }

    /// Where the reader of the log is.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Up to where older events have been gone through; `None` if that is done.
    pub fn history(&self) -> Option<(RoomNid, EventNid)> {
        self.history
    }

    /// What the next entries of the log, up to `limit`, are about, and the position after them, out
    /// of the tables. Two queries.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn next_logged(
        &mut self,
        limit: i64,
    ) -> Result<(Position, Vec<LoggedText>), StoreError> {
        let entries = timed(
            sqlx::query!(
                "SELECT position, kind, room_nid, event_nid FROM log
                 WHERE position > $1 ORDER BY position LIMIT $2",
                self.position.0,
                limit,
            )
            .fetch_all(&mut *self.tx),
        )
        .await?;
        let Some(last) = entries.last().map(|entry| entry.position) else {
            return Ok((self.position, Vec::new()));
        };
        let events = entries.iter().filter(|entry| entry.kind == 1);
        let events = events.filter_map(|entry| entry.room_nid.zip(entry.event_nid));
        let (rooms, events): (Vec<i64>, Vec<i64>) = events.unzip();
        if events.is_empty() {
            return Ok((Position(last), Vec::new()));
        }
        // By their keys: joined with the log itself, all events would be gone through where the
        // database has not counted what is in the tables.
        let rows = timed(
            sqlx::query_as!(
                Logged,
                "SELECT e.room_nid, e.event_id, e.type, e.json, r.version
                 FROM UNNEST($1::bigint[], $2::bigint[]) AS w(room_nid, event_nid)
                 JOIN events e ON e.room_nid = w.room_nid AND e.event_nid = w.event_nid
                 JOIN rooms r ON r.room_nid = e.room_nid
                 WHERE e.type = ANY($3)",
                &rooms,
                &events,
                &TYPES as _,
            )
            .fetch_all(&mut *self.tx),
        )
        .await?;
        let logged = rows.into_iter().map(LoggedText::from).collect();
        Ok((Position(last), logged))
    }

    /// The events after `from` in the order of their keys, `limit` of all types at most; and the
    /// last one that was looked at, `None` at the end. Two queries.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn next_old(
        &mut self,
        from: (RoomNid, EventNid),
        limit: i64,
    ) -> Result<(Option<(RoomNid, EventNid)>, Vec<LoggedText>), StoreError> {
        let last = timed(
            sqlx::query!(
                "SELECT room_nid, event_nid FROM
                 (SELECT room_nid, event_nid FROM events WHERE (room_nid, event_nid) > ($1::bigint, $2::bigint)
                  ORDER BY room_nid, event_nid LIMIT $3) next
                 ORDER BY room_nid DESC, event_nid DESC LIMIT 1",
                from.0.0,
                from.1.0,
                limit,
            )
            .fetch_optional(&mut *self.tx),
        )
        .await?;
        let Some(last) = last else {
            return Ok((None, Vec::new()));
        };
        let rows = timed(
            sqlx::query_as!(
                Logged,
                "SELECT e.room_nid, e.event_id, e.type, e.json, r.version
                 FROM events e JOIN rooms r ON r.room_nid = e.room_nid
                 WHERE (e.room_nid, e.event_nid) > ($1::bigint, $2::bigint)
                   AND (e.room_nid, e.event_nid) <= ($3::bigint, $4::bigint) AND e.type = ANY($5)",
                from.0.0,
                from.1.0,
                last.room_nid,
                last.event_nid,
                &TYPES as _,
            )
            .fetch_all(&mut *self.tx),
        )
        .await?;
        let at = (RoomNid(last.room_nid), EventNid(last.event_nid));
        Ok((Some(at), rows.into_iter().map(LoggedText::from).collect()))
    }

    /// The events whose words may have changed because of some events: these, what they replace, and
    /// what they replaced before they were redacted. Events that only replace others are absent.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn load_targets(
        &mut self,
        events: &[(RoomNid, String)],
    ) -> Result<Vec<Target>, StoreError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        targets(&mut self.tx, events).await
    }

    /// Writes words, takes others away, and ends the step. `position` is where the reader of the log
    /// is now; `history` up to where older events have been gone through, `None` when all are.
    ///
    /// # Errors
    /// If the database does not answer; then nothing is written, or it is not known.
    pub async fn finish(
        mut self,
        words: &[Words],
        gone: &[(RoomNid, EventNid)],
        position: Position,
        history: Option<(RoomNid, EventNid)>,
    ) -> Result<(), StoreError> {
        write(&mut self.tx, &self.languages, words).await?;
        take_away(&mut self.tx, gone).await?;
        let (room, event) = history.unwrap_or_default();
        timed(
            sqlx::query!(
                "WITH moved AS (UPDATE log_readers SET position = $2 WHERE name = $1)
                 UPDATE search_filling SET languages = $3, room_nid = $4, event_nid = $5, done = $6",
                READER,
                position.0,
                &self.languages,
                room.0,
                event.0,
                history.is_none(),
            )
            .execute(&mut *self.tx),
        )
        .await?;
        self.tx.commit().await?;
        Ok(())
    }
}

struct Logged {
    room_nid: i64,
    event_id: String,
    r#type: String,
    json: String,
    version: String,
}

impl From<Logged> for LoggedText {
    fn from(row: Logged) -> Self {
        Self {
            room: RoomNid(row.room_nid),
            event_id: row.event_id,
            event_type: row.r#type,
            json: row.json,
            version: row.version,
        }
    }
}

async fn targets(
    connection: &mut PgConnection,
    events: &[(RoomNid, String)],
) -> Result<Vec<Target>, StoreError> {
    let rows = timed(
        sqlx::query!(
            r#"
WITH named AS (
    SELECT e.room_nid, e.event_nid, e.event_id, l.parent_id
    FROM UNNEST($1::bigint[], $2::text[]) AS w(room_nid, event_id)
    JOIN events e ON e.event_id = w.event_id AND e.room_nid = w.room_nid
    LEFT JOIN relations l ON l.room_nid = e.room_nid AND l.child_nid = e.event_nid AND l.rel_type = 'm.replace'),
wish AS (
    SELECT n.room_nid, n.event_nid FROM named n WHERE n.parent_id IS NULL
    UNION
    SELECT p.room_nid, p.event_nid FROM named n JOIN events p ON p.event_id = n.parent_id AND p.room_nid = n.room_nid
    UNION
    SELECT s.room_nid, s.event_nid FROM named n JOIN search_words s ON s.room_nid = n.room_nid AND s.edit_nid = n.event_nid)
SELECT e.room_nid, e.event_nid, e.event_id, e.anchor, e.anchor_offset, e.flags, e.json, r.version,
       x.event_nid AS "edit_nid?", x.json AS "edit_json?"
FROM wish w
JOIN events e ON e.room_nid = w.room_nid AND e.event_nid = w.event_nid
JOIN rooms r ON r.room_nid = w.room_nid
LEFT JOIN LATERAL (
    SELECT c.event_nid, c.json FROM relations l JOIN events c ON c.room_nid = l.room_nid AND c.event_nid = l.child_nid
    WHERE l.room_nid = e.room_nid AND l.parent_id = e.event_id AND l.rel_type = 'm.replace'
      AND l.sender = e.sender AND l.type = e.type AND e.key_nid IS NULL AND c.key_nid IS NULL AND c.flags & 11 = 0
      AND c.json LIKE '%"m.new_content":{%'
    ORDER BY c.origin_ts DESC, c.event_id DESC LIMIT 1) x ON true
            "#,
            &events.iter().map(|row| row.0.0).collect::<Vec<_>>(),
            &events.iter().map(|row| row.1.as_str()).collect::<Vec<_>>() as _,
        )
        .fetch_all(connection),
    )
    .await?;
    let found = rows.into_iter().map(|row| Target {
        room: RoomNid(row.room_nid),
        nid: EventNid(row.event_nid),
        event_id: row.event_id,
        place: row.anchor.map(|anchor| RoomPlace {
            anchor,
            offset: row.anchor_offset,
        }),
        flags: row.flags,
        json: row.json,
        version: row.version,
        edit: row.edit_nid.map(EventNid).zip(row.edit_json),
    });
    Ok(found.collect())
}

async fn write(
    connection: &mut PgConnection,
    languages: &[String],
    rows: &[Words],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let [first, second, third] = three(languages);
    timed(
        sqlx::query!(
            r#"
INSERT INTO search_words (room_nid, event_nid, anchor, anchor_offset, edit_nid, key, has_url, sender, words)
SELECT n.room_nid, n.event_nid, n.anchor, n.anchor_offset, n.edit_nid, n.key, n.has_url, n.sender,
       to_tsvector($10::text::regconfig, n.words)
       || COALESCE(to_tsvector($11::text::regconfig, n.words), ''::tsvector)
       || COALESCE(to_tsvector($12::text::regconfig, n.words), ''::tsvector)
FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[], $4::int[], $5::bigint[], $6::smallint[], $7::boolean[],
            $8::text[], $9::text[])
  AS n(room_nid, event_nid, anchor, anchor_offset, edit_nid, key, has_url, sender, words)
ON CONFLICT (room_nid, event_nid) DO UPDATE SET anchor = excluded.anchor, anchor_offset = excluded.anchor_offset,
    edit_nid = excluded.edit_nid, key = excluded.key, has_url = excluded.has_url, sender = excluded.sender,
    words = excluded.words
            "#,
            &rows.iter().map(|row| row.room.0).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.event.0).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.place.anchor).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.place.offset).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.edit.map(|edit| edit.0)).collect::<Vec<_>>() as _,
            &rows.iter().map(|row| row.key as i16).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.has_url).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.sender.as_str()).collect::<Vec<_>>() as _,
            &rows.iter().map(|row| row.text.as_str()).collect::<Vec<_>>() as _,
            first,
            second,
            third,
        )
        .execute(connection),
    )
    .await?;
    Ok(())
}

async fn take_away(
    connection: &mut PgConnection,
    gone: &[(RoomNid, EventNid)],
) -> Result<(), sqlx::Error> {
    if gone.is_empty() {
        return Ok(());
    }
    timed(
        sqlx::query!(
            "DELETE FROM search_words s USING UNNEST($1::bigint[], $2::bigint[]) AS g(room_nid, event_nid)
             WHERE s.room_nid = g.room_nid AND s.event_nid = g.event_nid",
            &gone.iter().map(|(room, _)| room.0).collect::<Vec<_>>(),
            &gone.iter().map(|(_, event)| event.0).collect::<Vec<_>>(),
        )
        .execute(connection),
    )
    .await?;
    Ok(())
}
