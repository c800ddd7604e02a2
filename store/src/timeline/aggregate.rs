//! Bundled aggregations (client-server, Relationships): what servers put into
//! `unsigned.m.relations`, for all events of an answer at once.

use std::collections::HashMap;

use causeway_events::RoomVersion;
use causeway_events::canonical::write_string;
use causeway_events::client::{ClientEvent, Format, Unsigned};
use ruma::{RoomVersionId, UserId};

use super::row::stored;
use crate::ids::RoomNid;
use crate::meter::timed;
use crate::{Store, StoreError};

/// Events that `m.reference` lists for one event, at most: the newest.
const BUNDLED_REFERENCES: i64 = 100;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct AggregationQuery<'a> {
    /// The events.
    pub events: &'a [AggregatedEvent<'a>],
    /// Who asks.
    pub user: &'a UserId,
    /// Whom they ignore.
    pub ignored: &'a [String],
}

/// An event to which others may relate.
#[derive(Debug, Clone, Copy)]
pub struct AggregatedEvent<'a> {
    /// Its room.
    pub room: RoomNid,
    /// Its id.
    pub event_id: &'a str,
    /// The last anchor that the one who asks may see in the room: for those who left.
    pub until: Option<i64>,
}

/// What relates to an event.
#[derive(Debug, Clone, Default)]
pub struct Aggregations {
    edit: Option<Related>,
    thread: Option<ThreadSummary>,
    references: Vec<String>,
}

#[derive(Debug, Clone)]
struct Related {
    version: RoomVersion,
    event_id: String,
    json: String,
}

#[derive(Debug, Clone)]
struct ThreadSummary {
    count: i64,
    participated: bool,
    latest: Related,
    latest_edit: Option<Related>,
}

/// A row of the query. kind: 1 edit, 2 thread, 3 reference.
struct Row {
    kind: i32,
    room_nid: i64,
    version: String,
    parent_id: String,
    event_id: String,
    json: Option<String>,
    count: Option<i64>,
    participated: Option<bool>,
}

/// What relates to each of the events; those to which nothing does are absent.
///
/// The latest valid edit by the same sender, the summary of the thread that the event is the root
/// of, and the events that refer to it.
///
/// # Errors
/// If the database does not answer or a row is corrupt.
pub async fn aggregations(
    store: &Store,
    query: AggregationQuery<'_>,
) -> Result<HashMap<String, Aggregations>, StoreError> {
    if query.events.is_empty() {
        return Ok(HashMap::new());
    }
    gather(query, fetch(store, query).await?)
}

async fn fetch(store: &Store, query: AggregationQuery<'_>) -> Result<Vec<Row>, StoreError> {
    let events = query.events;
    let rows = timed(
        sqlx::query_as!(
            Row,
            r#"
WITH wish AS (
    SELECT o.room_nid, o.event_nid, o.event_id, o.sender, o.type, o.key_nid, o.flags, w.until
    FROM UNNEST($1::bigint[], $2::text[], $5::bigint[]) AS w(room_nid, event_id, until)
    JOIN events o ON o.event_id = w.event_id AND o.room_nid = w.room_nid), thread AS MATERIALIZED (
    SELECT w.event_id AS parent_id, w.until, l.*, w.sender = $3 OR (
               SELECT 1 FROM relations r WHERE r.room_nid = w.room_nid AND r.parent_id = w.event_id
                 AND r.rel_type = 'm.thread' AND r.sender = $3 AND r.anchor <= w.until LIMIT 1) IS NOT NULL AS participated,
           (SELECT count(*) FROM relations r WHERE r.room_nid = w.room_nid AND r.parent_id = w.event_id
              AND r.rel_type = 'm.thread' AND r.sender <> ALL($4) AND r.anchor <= w.until) AS count
    FROM wish w
    CROSS JOIN LATERAL (
        SELECT c.room_nid, c.event_nid, c.event_id, c.sender, c.type, c.key_nid, c.flags, c.json
        FROM relations r JOIN events c ON c.room_nid = r.room_nid AND c.event_nid = r.child_nid
        WHERE r.room_nid = w.room_nid AND r.parent_id = w.event_id AND r.rel_type = 'm.thread'
          AND r.sender <> ALL($4::text[]) AND r.anchor <= w.until
        ORDER BY r.anchor DESC, r.anchor_offset DESC LIMIT 1) l
    -- Threads do not nest: who answers in a thread is no root of one.
    WHERE (SELECT 1 FROM relations r WHERE r.room_nid = w.room_nid AND r.child_nid = w.event_nid
           AND r.rel_type = 'm.thread' LIMIT 1) IS NULL), editable AS (
    SELECT room_nid, event_nid, event_id, sender, type, until FROM wish WHERE key_nid IS NULL AND flags & 8 = 0
    UNION
    SELECT room_nid, event_nid, event_id, sender, type, until FROM thread WHERE key_nid IS NULL AND flags & 8 = 0), found AS (
    SELECT 1 AS kind, p.room_nid, p.event_id AS parent_id, l.event_id, l.json,
           NULL::bigint AS count, NULL::boolean AS participated, 0::bigint AS anchor
    FROM editable p
    CROSS JOIN LATERAL (
        SELECT c.event_id, c.json FROM relations r JOIN events c ON c.room_nid = r.room_nid AND c.event_nid = r.child_nid
        WHERE r.room_nid = p.room_nid AND r.parent_id = p.event_id AND r.rel_type = 'm.replace'
          AND r.sender = p.sender AND r.type = p.type AND r.anchor <= p.until
          AND c.key_nid IS NULL AND c.flags & 11 = 0
          AND (c.type = 'm.room.encrypted' OR c.json LIKE '%"m.new_content":{%')
        ORDER BY c.origin_ts DESC, c.event_id DESC LIMIT 1) l
    -- An edit is not edited: the original is.
    WHERE (SELECT 1 FROM relations r WHERE r.room_nid = p.room_nid AND r.child_nid = p.event_nid
           AND r.rel_type = 'm.replace' LIMIT 1) IS NULL
    UNION ALL
    SELECT 2, t.room_nid, t.parent_id, t.event_id, t.json, t.count, t.participated, 0 FROM thread t
    UNION ALL
    SELECT 3, w.room_nid, w.event_id, l.event_id, NULL, NULL, NULL, l.anchor
    FROM wish w
    CROSS JOIN LATERAL (
        SELECT c.event_id, r.anchor FROM relations r JOIN events c ON c.room_nid = r.room_nid AND c.event_nid = r.child_nid
        WHERE r.room_nid = w.room_nid AND r.parent_id = w.event_id AND r.rel_type = 'm.reference'
          AND r.sender <> ALL($4) AND r.anchor <= w.until AND c.flags & 3 = 0
        ORDER BY r.anchor DESC, r.anchor_offset DESC LIMIT $6) l
)
SELECT f.kind AS "kind!", f.room_nid AS "room_nid!", v.version, f.parent_id AS "parent_id!",
       f.event_id AS "event_id!", f.json, f.count, f.participated
FROM found f JOIN rooms v ON v.room_nid = f.room_nid
ORDER BY f.kind, f.anchor
            "#,
            &events.iter().map(|event| event.room.0).collect::<Vec<_>>(),
            &events.iter().map(|event| event.event_id).collect::<Vec<_>>() as _,
            query.user.as_str(),
            query.ignored,
            &events.iter().map(|event| event.until.unwrap_or(i64::MAX)).collect::<Vec<_>>(),
            BUNDLED_REFERENCES,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows)
}

fn gather(
    query: AggregationQuery<'_>,
    rows: Vec<Row>,
) -> Result<HashMap<String, Aggregations>, StoreError> {
    let mut edits: HashMap<String, Related> = HashMap::new();
    let mut found: HashMap<String, Aggregations> = HashMap::new();
    for row in rows {
        let version = RoomVersionId::try_from(row.version.as_str())
            .ok()
            .and_then(|id| RoomVersion::find(&id))
            .ok_or_else(|| StoreError::Corrupt {
                table: "rooms",
                id: row.room_nid.to_string(),
            })?;
        let related = |event_id, json: Option<String>| Related {
            version,
            event_id,
            json: json.unwrap_or_default(),
        };
        match row.kind {
            1 => {
                edits.insert(row.parent_id, related(row.event_id, row.json));
            }
            2 => {
                let latest = related(row.event_id, row.json);
                let latest_edit = edits.get(&latest.event_id).cloned();
                found.entry(row.parent_id).or_default().thread = Some(ThreadSummary {
                    count: row.count.unwrap_or(0),
                    participated: row.participated.unwrap_or(false),
                    latest,
                    latest_edit,
                });
            }
            _ => found
                .entry(row.parent_id)
                .or_default()
                .references
                .push(row.event_id),
        }
    }
    for event in query.events {
        if let Some(edit) = edits.remove(event.event_id) {
            let related = found.entry(event.event_id.to_owned()).or_default();
            related.edit = Some(edit);
        }
    }
    Ok(found)
}

impl Aggregations {
    /// The JSON of `m.relations`.
    ///
    /// # Errors
    /// If a row was corrupt.
    pub fn to_json(&self, now_ms: u64) -> Result<String, StoreError> {
        let mut out = Vec::new();
        out.push(b'{');
        if !self.references.is_empty() {
            out.extend_from_slice(b"\"m.reference\":{\"chunk\":[");
            for (at, id) in self.references.iter().enumerate() {
                out.extend_from_slice(if at == 0 {
                    b"{\"event_id\":"
                } else {
                    b",{\"event_id\":"
                });
                write_string(&mut out, id);
                out.push(b'}');
            }
            out.extend_from_slice(b"]}");
        }
        if let Some(edit) = &self.edit {
            separate(&mut out);
            out.extend_from_slice(b"\"m.replace\":");
            edit.write(now_ms, None, &mut out)?;
        }
        if let Some(thread) = &self.thread {
            separate(&mut out);
            thread.write(now_ms, &mut out)?;
        }
        out.push(b'}');
        Ok(String::from_utf8_lossy(&out).into_owned())
    }
}

fn separate(out: &mut Vec<u8>) {
    if out.len() > 1 {
        out.push(b',');
    }
}

impl ThreadSummary {
    fn write(&self, now_ms: u64, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let relations = self.latest_edit.as_ref().map(|edit| {
            let mut text = b"{\"m.replace\":".to_vec();
            edit.write(now_ms, None, &mut text)?;
            text.push(b'}');
            Ok::<_, StoreError>(String::from_utf8_lossy(&text).into_owned())
        });
        let relations = relations.transpose()?;
        let head = format!(
            "\"m.thread\":{{\"count\":{},\"current_user_participated\":{},\"latest_event\":",
            self.count, self.participated
        );
        out.extend_from_slice(head.as_bytes());
        self.latest.write(now_ms, relations.as_deref(), out)?;
        out.push(b'}');
        Ok(())
    }
}

impl Related {
    fn write(
        &self,
        now_ms: u64,
        relations: Option<&str>,
        out: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        let pdu = stored(self.version, &self.event_id, &self.json)?;
        let unsigned = Unsigned {
            now_ms: Some(now_ms),
            relations,
            ..Unsigned::default()
        };
        ClientEvent::new(&pdu).write(Format::Full, &unsigned, out);
        Ok(())
    }
}
