//! The statement that writes events.

use std::collections::HashMap;
use std::fmt::Write;

use ruma::OwnedEventId;
use sqlx::{PgConnection, PgPool};

use super::Pending;
use super::batch::room_of;
use super::change::{EventRecord, RoomBatch};
use super::committer::Places;
use crate::ids::{EventNid, Position};
use crate::meter::timed;

/// Marks, within the statement, events that are in the table already.
const IN_TABLE: i16 = 1 << 14;

/// Marks, within the statement, events that have their place elsewhere than in the log.
const OLD: i16 = 1 << 13;

/// Heads as columns.
#[derive(Default)]
struct Heads {
    room: Vec<i64>,
    expected: Vec<i64>,
    version: Vec<i64>,
    depth: Vec<i64>,
    extremities: Vec<String>,
    line: Vec<i32>,
    step: Vec<i32>,
    next_line: Vec<i32>,
    joined: Vec<i32>,
    invited: Vec<i32>,
}

impl Heads {
    /// One room's changes move its head from where the first starts to where the last ends.
    fn push(&mut self, first: &RoomBatch, last: &RoomBatch) {
        let head = &last.head;
        self.room.push(first.room.0);
        self.expected.push(first.expected_version);
        self.version.push(head.version);
        self.depth.push(head.depth);
        self.extremities.push(array_text(&head.extremities));
        self.line.push(head.state.line);
        self.step.push(head.state.step);
        self.next_line.push(head.next_line);
        self.joined.push(head.joined_members);
        self.invited.push(head.invited_members);
    }
}

/// Events as columns.
#[derive(Default)]
struct Events<'a> {
    room: Vec<i64>,
    nid: Vec<i64>,
    origin_ts: Vec<i64>,
    depth: Vec<i64>,
    line: Vec<i32>,
    step: Vec<i32>,
    current_line: Vec<Option<i32>>,
    current_step: Vec<Option<i32>>,
    key: Vec<Option<i32>>,
    replaces: Vec<Option<i64>>,
    chain: Vec<Option<i64>>,
    chain_seq: Vec<Option<i32>>,
    reach: Vec<Option<&'a [u8]>>,
    flags: Vec<i16>,
    event_id: Vec<&'a str>,
    event_type: Vec<&'a str>,
    sender: Vec<&'a str>,
    device: Vec<Option<&'a str>>,
    txn: Vec<Option<&'a str>>,
    prev: Vec<String>,
    auth: Vec<String>,
    json: Vec<&'a str>,
}

impl<'a> Events<'a> {
    fn push(&mut self, record: &'a EventRecord) {
        self.room.push(record.room.0);
        self.nid.push(record.nid.0);
        self.origin_ts.push(signed(record.pdu.origin_ts_ms()));
        self.depth.push(signed(record.pdu.depth()));
        self.line.push(record.state.line);
        self.step.push(record.state.step);
        self.current_line
            .push(record.current.map(|state| state.line));
        self.current_step
            .push(record.current.map(|state| state.step));
        self.key.push(record.key.map(|key| key.0));
        self.replaces
            .push(record.replaces.as_ref().map(|replaced| replaced.nid.0));
        let place = record.chain.as_ref();
        let (chain, seq) = place.and_then(|place| place.written(record.nid)).unzip();
        self.chain.push(chain);
        self.chain_seq.push(seq);
        self.reach.push(place.map(|place| &*place.reach));
        let in_table = if record.was_outlier { IN_TABLE } else { 0 };
        let old = if record.place.is_some() { OLD } else { 0 };
        self.flags.push(record.flags | in_table | old);
        self.event_id.push(record.pdu.event_id().as_str());
        self.event_type.push(record.pdu.event_type());
        self.sender.push(record.pdu.sender().as_str());
        self.device
            .push(record.sent_by.as_ref().map(|by| by.device.as_str()));
        self.txn.push(record.sent_by.as_ref().map(|by| &*by.txn_id));
        self.prev.push(array_text(&record.prev));
        self.auth.push(array_text(&record.auth));
        self.json.push(record.pdu.json());
    }
}

/// The heads that the batches leave, and their events.
fn columns(rooms: &[Vec<Pending>]) -> (Heads, Events<'_>) {
    let mut heads = Heads::default();
    let mut events = Events::default();
    for room in rooms {
        let mut batches = room.iter().filter_map(room_of);
        let Some(first) = batches.next() else {
            continue;
        };
        heads.push(first, batches.next_back().unwrap_or(first));
        for batch in room.iter().filter_map(room_of) {
            batch.events.iter().for_each(|record| events.push(record));
        }
    }
    (heads, events)
}

/// Compares and sets the heads, reserves positions, and writes the events of the rooms whose
/// heads had the expected versions. Events of the others are absent from what it returns; those
/// that readers are not told of have position 0. Events that are here without a place already
/// (`was_outlier`) get theirs in `write_graph`.
pub(super) async fn events(
    connection: &mut PgConnection,
    rooms: &[Vec<Pending>],
) -> Result<Places, sqlx::Error> {
    let (heads, events) = columns(rooms);
    // The rooms that won are gathered into an array: as a join, every room would look through
    // the whole batch once more.
    let rows = sqlx::query!(
        r#"
WITH won AS (
    UPDATE room_heads h
    SET version = w.version, depth = w.depth, extremities = w.extremities::bigint[],
        line = w.line, step = w.step, next_line = w.next_line,
        joined_members = w.joined, invited_members = w.invited
    FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[],
                $6::int[], $7::int[], $8::int[], $9::int[], $10::int[])
        AS w(room_nid, expected, version, depth, extremities, line, step, next_line, joined, invited)
    WHERE h.room_nid = w.room_nid AND h.version = w.expected
    RETURNING h.room_nid
), fresh AS (
    SELECT e.*, e.flags & 8195 = 0 AS is_shown, count(*) FILTER (WHERE e.flags & 8195 = 0) OVER (ORDER BY e.ord) AS n
    FROM UNNEST($11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::int[], $16::int[],
                $17::int[], $18::int[], $19::int[], $20::bigint[], $21::bigint[], $22::int[], $23::bytea[],
                $24::smallint[], $25::text[], $26::text[], $27::text[], $28::text[], $29::text[], $30::text[],
                $31::text[], $32::text[])
        WITH ORDINALITY
        AS e(room_nid, event_nid, origin_ts, depth, line, step, current_line, current_step, key_nid,
             replaces, chain, chain_seq, reach, flags, event_id, type, sender, device_id, txn_id, prev_nids,
             auth_nids, json, ord)
    WHERE e.room_nid = ANY (ARRAY(SELECT room_nid FROM won))
), head AS (
    UPDATE log_head SET position = position + (SELECT count(*) FROM fresh WHERE is_shown)
    RETURNING position - (SELECT count(*) FROM fresh WHERE is_shown) AS base
), written AS (
    INSERT INTO events (room_nid, event_nid, anchor, origin_ts, depth, line, step, current_line, current_step,
                        key_nid, replaces, chain, chain_seq, reach, flags, event_id, type, sender, device_id, txn_id, prev_nids,
                        auth_nids, json)
    SELECT f.room_nid, f.event_nid, CASE WHEN f.is_shown THEN head.base + f.n END, f.origin_ts, f.depth, f.line, f.step, f.current_line,
           f.current_step, f.key_nid, f.replaces, f.chain, f.chain_seq, f.reach, (f.flags & 8191)::smallint, f.event_id, f.type,
           f.sender, f.device_id, f.txn_id, f.prev_nids::bigint[], f.auth_nids::bigint[], f.json
    FROM fresh f, head WHERE f.flags & 16384 = 0
), logged AS (
    INSERT INTO log (position, kind, room_nid, event_nid)
    SELECT head.base + f.n, 1, f.room_nid, f.event_nid FROM fresh f, head WHERE f.is_shown
)
SELECT f.event_nid AS "event_nid!", CASE WHEN f.is_shown THEN head.base + f.n ELSE 0 END AS "position!" FROM fresh f, head
        "#,
        &heads.room, &heads.expected, &heads.version, &heads.depth, &heads.extremities,
        &heads.line, &heads.step, &heads.next_line, &heads.joined, &heads.invited,
        &events.room, &events.nid, &events.origin_ts, &events.depth, &events.line, &events.step,
        &events.current_line as _, &events.current_step as _, &events.key as _, &events.replaces as _,
        &events.chain as _, &events.chain_seq as _, &events.reach as _, &events.flags, &events.event_id as _, &events.event_type as _, &events.sender as _,
        &events.device as _, &events.txn as _, &events.prev, &events.auth, &events.json as _,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (EventNid(row.event_nid), Position(row.position)))
        .collect())
}

/// Of the events with a client transaction, those whose transaction is stored already: the
/// event's number here, and the id it was stored under.
pub(super) async fn duplicates(
    pool: &PgPool,
    rooms: &[Vec<Pending>],
) -> Result<HashMap<EventNid, OwnedEventId>, sqlx::Error> {
    let mut events = Events::default();
    let records = rooms
        .iter()
        .flatten()
        .filter_map(room_of)
        .flat_map(|batch| &batch.events);
    records
        .filter(|record| record.sent_by.is_some())
        .for_each(|record| events.push(record));
    let rows = timed(
        sqlx::query!(
            r#"
SELECT w.nid AS "nid!", e.event_id
FROM UNNEST($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[]) AS w(room_nid, nid, sender, device_id, txn_id)
JOIN events e ON e.room_nid = w.room_nid AND e.sender = w.sender AND e.device_id = w.device_id AND e.txn_id = w.txn_id
            "#,
            &events.room, &events.nid, &events.sender as _, &events.device as _, &events.txn as _,
        )
        .fetch_all(pool),
    )
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            Some((
                EventNid(row.nid),
                OwnedEventId::try_from(row.event_id).ok()?,
            ))
        })
        .collect())
}

/// `{1,2,3}`: arrays of arrays do not travel as parameters.
pub(crate) fn array_text(nids: &[EventNid]) -> String {
    let mut text = String::with_capacity(2 + nids.len() * 8);
    text.push('{');
    for (at, nid) in nids.iter().enumerate() {
        // Writing to a string does not fail.
        let _ = if at == 0 {
            write!(text, "{nid}")
        } else {
            write!(text, ",{nid}")
        };
    }
    text.push('}');
    text
}

/// Times and depths are below 2^53 in every event that was accepted.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
