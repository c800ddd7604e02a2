//! The index of auth chains.

use crate::ids::{EventNid, RoomNid};
use crate::log::ChainPlace;
use crate::meter::timed;
use crate::{Store, StoreError};

/// A piece of a chain: the events with `after < place <= up_to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// The chain, called by its first event.
    pub chain: EventNid,
    /// The last place that is not in it.
    pub after: i32,
    /// The last place that is in it.
    pub up_to: i32,
}

/// Those of some places of chains that are not the ends of their chains.
///
/// # Errors
/// If the database does not answer.
pub async fn find_followed(
    store: &Store,
    room: RoomNid,
    places: &[(EventNid, i32)],
) -> Result<Vec<(EventNid, i32)>, StoreError> {
    let chains: Vec<i64> = places.iter().map(|(chain, _)| chain.0).collect();
    let seqs: Vec<i32> = places.iter().map(|(_, seq)| *seq).collect();
    let rows = timed(
        sqlx::query!(
            r#"SELECT w.chain AS "chain!", w.seq AS "seq!" FROM UNNEST($2::bigint[], $3::int[]) AS w(chain, seq)
               WHERE EXISTS (SELECT 1 FROM events e
                             WHERE e.room_nid = $1 AND e.chain = w.chain AND e.chain_seq = w.seq + 1)"#,
            room.0,
            &chains,
            &seqs,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (EventNid(row.chain), row.seq))
        .collect())
}

/// The events on some pieces of chains.
///
/// # Errors
/// If the database does not answer.
pub async fn find_pieces(
    store: &Store,
    room: RoomNid,
    pieces: &[Piece],
) -> Result<Vec<EventNid>, StoreError> {
    let chains: Vec<i64> = pieces.iter().map(|piece| piece.chain.0).collect();
    let after: Vec<i32> = pieces.iter().map(|piece| piece.after).collect();
    let up_to: Vec<i32> = pieces.iter().map(|piece| piece.up_to).collect();
    let rows = timed(
        sqlx::query_scalar!(
            r#"
SELECT e.event_nid AS "event_nid!"
FROM UNNEST($2::bigint[], $3::int[], $4::int[]) AS w(chain, after, up_to)
JOIN events e ON e.room_nid = $1 AND e.chain = w.chain AND e.chain_seq > w.after AND e.chain_seq <= w.up_to
UNION ALL
SELECT e.event_nid
FROM UNNEST($2::bigint[], $3::int[]) AS w(chain, after)
JOIN events e ON e.room_nid = $1 AND e.event_nid = w.chain
WHERE w.after = 0
            "#,
            room.0,
            &chains,
            &after,
            &up_to,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows.into_iter().map(EventNid).collect())
}

/// The places of some events in the index; those that have none are absent.
///
/// # Errors
/// If the database does not answer.
pub async fn load_reaches(
    store: &Store,
    room: RoomNid,
    events: &[EventNid],
) -> Result<Vec<(EventNid, ChainPlace)>, StoreError> {
    let nids: Vec<i64> = events.iter().map(|event| event.0).collect();
    let rows = timed(
        sqlx::query!(
            "SELECT event_nid, chain, chain_seq, reach FROM events
             WHERE room_nid = $1 AND event_nid = ANY($2) AND reach IS NOT NULL",
            room.0,
            &nids,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let place = ChainPlace::stored(row.event_nid, row.chain, row.chain_seq, row.reach)?;
            Some((EventNid(row.event_nid), place))
        })
        .collect())
}
