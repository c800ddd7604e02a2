//! Events as `/sync` shows them.

use super::Snapshot;
use crate::StoreError;
use crate::ids::{EventNid, KeyNid, RoomNid, RoomPlace, StateRef};
use crate::meter::timed;

/// An event with all that its client form needs.
#[derive(Debug, Clone)]
pub struct SyncEvent {
    /// The room.
    pub room: RoomNid,
    /// Its number.
    pub nid: EventNid,
    /// Its id.
    pub event_id: String,
    /// The event.
    pub json: String,
    /// Its place in the room; the default for events that only authorise others.
    pub place: RoomPlace,
    /// The state after it.
    pub state: StateRef,
    /// Of state events.
    pub key: Option<KeyNid>,
    /// See `causeway_store::log::REJECTED` and its neighbours.
    pub flags: i16,
    /// The device of this server that sent it, and its transaction.
    pub sent_by: Option<(String, String)>,
    /// The state event that it replaced: id and JSON.
    pub replaced: Option<(String, String)>,
    /// In timelines: whether the sender wished to be forgotten (`erase` of deactivation).
    pub is_erased: bool,
}

pub(super) struct Row {
    pub room_nid: i64,
    pub event_nid: i64,
    pub event_id: String,
    pub json: String,
    pub anchor: Option<i64>,
    pub anchor_offset: i32,
    pub line: i32,
    pub step: i32,
    pub key_nid: Option<i32>,
    pub flags: i16,
    pub device_id: Option<String>,
    pub txn_id: Option<String>,
    pub replaced_id: Option<String>,
    pub replaced_json: Option<String>,
    pub erased: Option<bool>,
}

impl From<Row> for SyncEvent {
    fn from(row: Row) -> Self {
        Self {
            room: RoomNid(row.room_nid),
            nid: EventNid(row.event_nid),
            event_id: row.event_id,
            json: row.json,
            place: RoomPlace {
                anchor: row.anchor.unwrap_or(0),
                offset: row.anchor_offset,
            },
            state: StateRef {
                line: row.line,
                step: row.step,
            },
            key: row.key_nid.map(KeyNid),
            flags: row.flags,
            sent_by: row.device_id.zip(row.txn_id),
            replaced: row.replaced_id.zip(row.replaced_json),
            is_erased: row.erased == Some(true),
        }
    }
}

pub(super) fn collect(rows: Vec<Row>) -> Vec<SyncEvent> {
    rows.into_iter().map(SyncEvent::from).collect()
}

/// The part of a room's order that a timeline is cut from.
#[derive(Debug, Clone, Copy)]
pub struct TimelineRange {
    /// The room.
    pub room: RoomNid,
    /// Only live events after this position; `None` takes history too.
    pub after: Option<i64>,
    /// Nothing after this position.
    pub until: i64,
}

/// Which events count. Types are patterns of `LIKE`.
#[derive(Debug, Clone, Default)]
pub struct TimelineFilter {
    /// Events for each room, at most.
    pub limit: i64,
    /// Types that are wanted; all without.
    pub types: Option<Vec<String>>,
    /// Types that are not.
    pub not_types: Vec<String>,
    /// Senders that are wanted; all without.
    pub senders: Option<Vec<String>>,
    /// Senders that are not.
    pub not_senders: Vec<String>,
    /// Senders of whom only state is wanted.
    pub ignored: Vec<String>,
    /// Whether the content must have, or must not have, a `url`.
    pub url: Option<bool>,
    /// Only events to which another one relates in one of these ways.
    pub related_by_types: Option<Vec<String>>,
    /// Only events to which one of these users' events relate.
    pub related_by_senders: Option<Vec<String>>,
    /// Only events that relate to another one in one of these ways.
    pub rel_types: Option<Vec<String>>,
    /// No events that relate to another one in one of these ways.
    pub not_rel_types: Vec<String>,
}

/// The newest events of each range, newest first. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn timelines(
    snapshot: &mut Snapshot,
    ranges: &[TimelineRange],
    filter: &TimelineFilter,
) -> Result<Vec<SyncEvent>, StoreError> {
    if ranges.is_empty() || filter.limit == 0 {
        return Ok(Vec::new());
    }
    let rooms: Vec<i64> = ranges.iter().map(|range| range.room.0).collect();
    let after: Vec<Option<i64>> = ranges.iter().map(|range| range.after).collect();
    let until: Vec<i64> = ranges.iter().map(|range| range.until).collect();
    // The pattern for `url` only narrows; the caller looks at the content itself.
    let url_pattern = (filter.url == Some(true)).then_some(r#"%"url":%"#);
    let rows = timed(
        sqlx::query_as!(
            Row,
            r#"
SELECT e.room_nid, e.event_nid, e.event_id, e.json, e.anchor, e.anchor_offset, e.line, e.step, e.key_nid,
       e.flags, e.device_id, e.txn_id, p.event_id AS "replaced_id?", p.json AS "replaced_json?",
       (SELECT a.erased FROM accounts a WHERE a.user_id = e.sender) AS "erased?"
FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[]) AS w(room_nid, after, until)
CROSS JOIN LATERAL (
    SELECT * FROM events e
    WHERE e.room_nid = w.room_nid AND e.anchor > coalesce(w.after, 0) AND e.anchor <= w.until
      AND (w.after IS NULL OR e.anchor_offset = 0) AND e.flags & 3 = 0
      AND ($5::text[] IS NULL OR e.type LIKE ANY($5)) AND NOT (e.type LIKE ANY($6))
      AND ($7::text[] IS NULL OR e.sender = ANY($7)) AND NOT (e.sender = ANY($8))
      AND (e.key_nid IS NOT NULL OR NOT (e.sender = ANY($9)))
      AND ($10::text IS NULL OR e.json LIKE $10)
      AND (($11::text[] IS NULL AND $12::text[] IS NULL) OR (
            SELECT 1 FROM relations r WHERE r.room_nid = e.room_nid AND r.parent_id = e.event_id
              AND ($11 IS NULL OR r.rel_type = ANY($11)) AND ($12 IS NULL OR r.sender = ANY($12)) LIMIT 1) IS NOT NULL)
      AND ($13::text[] IS NULL OR (
            SELECT r.rel_type FROM relations r WHERE r.room_nid = e.room_nid AND r.child_nid = e.event_nid) = ANY($13))
      AND (cardinality($14::text[]) = 0 OR COALESCE((
            SELECT r.rel_type FROM relations r
            WHERE r.room_nid = e.room_nid AND r.child_nid = e.event_nid) <> ALL($14), true))
    ORDER BY e.anchor DESC, e.anchor_offset DESC LIMIT $4
) e
LEFT JOIN events p ON p.room_nid = e.room_nid AND p.event_nid = e.replaces
ORDER BY e.room_nid, e.anchor DESC, e.anchor_offset DESC
            "#,
            &rooms,
            &after as _,
            &until,
            filter.limit,
            filter.types.as_deref() as _,
            &filter.not_types,
            filter.senders.as_deref() as _,
            &filter.not_senders,
            &filter.ignored,
            url_pattern,
            filter.related_by_types.as_deref() as _,
            filter.related_by_senders.as_deref() as _,
            filter.rel_types.as_deref() as _,
            &filter.not_rel_types,
        )
        .fetch_all(snapshot.connection()),
    )
    .await?;
    Ok(collect(rows))
}

/// What took away the events of these ids: `(target, id of the redaction, redaction)`. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn redactions(
    snapshot: &mut Snapshot,
    targets: &[(RoomNid, String)],
) -> Result<Vec<(RoomNid, String, String, String)>, StoreError> {
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    let rooms: Vec<i64> = targets.iter().map(|(room, _)| room.0).collect();
    let ids: Vec<&str> = targets.iter().map(|(_, id)| id.as_str()).collect();
    let rows = timed(
        sqlx::query!(
            r#"
SELECT w.room_nid AS "room_nid!", w.target_id AS "target_id!", r.event_id, r.json
FROM UNNEST($1::bigint[], $2::text[]) AS w(room_nid, target_id)
CROSS JOIN LATERAL (
    SELECT e.event_id, e.json FROM redactions r
    JOIN events e ON e.room_nid = r.room_nid AND e.event_nid = r.redaction_nid
    WHERE r.room_nid = w.room_nid AND r.target_id = w.target_id AND e.flags & 3 = 0
    ORDER BY r.redaction_nid LIMIT 1
) r
            "#,
            &rooms,
            &ids as _,
        )
        .fetch_all(snapshot.connection()),
    )
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (RoomNid(row.room_nid), row.target_id, row.event_id, row.json))
        .collect())
}

/// Those of some events before which the room's history has a gap. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn behind_gaps(
    snapshot: &mut Snapshot,
    events: &[(RoomNid, EventNid)],
) -> Result<Vec<EventNid>, StoreError> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let rooms: Vec<i64> = events.iter().map(|(room, _)| room.0).collect();
    let nids: Vec<i64> = events.iter().map(|(_, event)| event.0).collect();
    let rows = timed(
        sqlx::query_scalar!(
            r#"SELECT DISTINCT w.event_nid AS "event_nid!"
               FROM UNNEST($1::bigint[], $2::bigint[]) AS w(room_nid, event_nid)
               JOIN missing_events m ON m.room_nid = w.room_nid AND m.wanted_by = w.event_nid"#,
            &rooms,
            &nids,
        )
        .fetch_all(snapshot.connection()),
    )
    .await?;
    Ok(rows.into_iter().map(EventNid).collect())
}
