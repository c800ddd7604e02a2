//! Events that are here to authorise others, many at a time.

use causeway_events::Pdu;

use crate::ids::{EventNid, KeyNid, RoomNid};
use crate::log::{ChainPlace, OUTLIER, REJECTED, array_text};
use crate::meter::timed;
use crate::{Store, StoreError};

/// Events of one statement.
const ROWS_PER_STATEMENT: usize = 4_000;

/// An event that has no place in the room.
#[derive(Debug, Clone)]
pub struct Outlier {
    /// Its number.
    pub nid: EventNid,
    /// The event, marked if its auth events do not allow it.
    pub pdu: Pdu,
    /// Of state events.
    pub key: Option<KeyNid>,
    /// Its place in the index of auth chains; rejected events have none.
    pub chain: Option<ChainPlace>,
    /// Numbers of its auth events.
    pub auth: Vec<EventNid>,
}

/// Writes events without a place. Of those that are here under the same number, it is written what
/// they hang on.
///
/// # Errors
/// If the database does not answer, or another node has written one of the events meanwhile: read
/// then what is here, and try again.
pub async fn insert_outliers(
    store: &Store,
    room: RoomNid,
    outliers: &[Outlier],
) -> Result<(), StoreError> {
    for rows in outliers.chunks(ROWS_PER_STATEMENT) {
        insert(store, room, rows).await?;
    }
    Ok(())
}

async fn insert(store: &Store, room: RoomNid, rows: &[Outlier]) -> Result<(), StoreError> {
    let place = |row: &Outlier| row.chain.as_ref().and_then(|chain| chain.written(row.nid));
    let flags = |row: &Outlier| OUTLIER | if row.pdu.is_rejected() { REJECTED } else { 0 };
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    timed(
        sqlx::query!(
            "INSERT INTO events (room_nid, event_nid, origin_ts, depth, line, step, key_nid, chain, chain_seq, reach,
                                 flags, event_id, type, sender, prev_nids, auth_nids, json)
             SELECT $1, w.event_nid, w.origin_ts, w.depth, 0, 0, w.key_nid, w.chain, w.chain_seq, w.reach, w.flags,
                    w.event_id, w.type, w.sender, '{}', w.auth_nids::bigint[], w.json
             FROM UNNEST($2::bigint[], $3::bigint[], $4::bigint[], $5::int[], $6::bigint[], $7::int[], $8::bytea[],
                         $9::smallint[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[])
                 AS w(event_nid, origin_ts, depth, key_nid, chain, chain_seq, reach, flags, event_id, type, sender,
                      auth_nids, json)
             ON CONFLICT (room_nid, event_nid) DO UPDATE SET chain = excluded.chain, chain_seq = excluded.chain_seq,
                 reach = excluded.reach, auth_nids = excluded.auth_nids",
            room.0,
            &rows.iter().map(|row| row.nid.0).collect::<Vec<_>>(),
            &rows.iter().map(|row| signed(row.pdu.origin_ts_ms())).collect::<Vec<_>>(),
            &rows.iter().map(|row| signed(row.pdu.depth())).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.key.map(|key| key.0)).collect::<Vec<_>>() as _,
            &rows.iter().map(|row| place(row).map(|(chain, _)| chain)).collect::<Vec<_>>() as _,
            &rows.iter().map(|row| place(row).map(|(_, seq)| seq)).collect::<Vec<_>>() as _,
            &rows.iter().map(|row| row.chain.as_ref().map(|chain| &*chain.reach)).collect::<Vec<_>>() as _,
            &rows.iter().map(flags).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.pdu.event_id().as_str()).collect::<Vec<_>>() as _,
            &rows.iter().map(|row| row.pdu.event_type()).collect::<Vec<_>>() as _,
            &rows.iter().map(|row| row.pdu.sender().as_str()).collect::<Vec<_>>() as _,
            &rows.iter().map(|row| array_text(&row.auth)).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.pdu.json()).collect::<Vec<_>>() as _,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}
