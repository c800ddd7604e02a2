//! Writing checkpoints: packed copies of whole states, which may be dropped at any time.

use super::pack::{CHUNK_ENTRIES, pack};
use crate::ids::{RoomNid, StateRef};
use crate::meter::timed;
use crate::{Store, StoreError};

/// Checkpoints kept on a line: the newest, and the one before it for readers of recent history.
const KEPT_PER_LINE: i64 = 2;

/// Writes the state at `at` as a checkpoint and drops older ones of the line.
///
/// Gives the number of entries of the state.
///
/// # Errors
/// If the database does not answer.
pub async fn write_checkpoint(
    store: &Store,
    room: RoomNid,
    at: StateRef,
) -> Result<usize, StoreError> {
    let entries = super::load(store, room, at).await?;
    let chunks: Vec<_> = entries.chunks(CHUNK_ENTRIES).collect();
    let first_keys: Vec<i32> = chunks
        .iter()
        .filter_map(|chunk| chunk.first().map(|(key, _)| key.0))
        .collect();
    let packed: Vec<Vec<u8>> = chunks.iter().map(|chunk| pack(chunk)).collect();
    timed(
        sqlx::query!(
            "INSERT INTO state_checkpoints (room_nid, line, step, first_key, entries)
             SELECT $1, $2, $3, * FROM UNNEST($4::int[], $5::bytea[]) ON CONFLICT DO NOTHING",
            room.0,
            at.line,
            at.step,
            &first_keys,
            &packed,
        )
        .execute(store.pool()),
    )
    .await?;
    timed(
        sqlx::query!(
            "DELETE FROM state_checkpoints WHERE room_nid = $1 AND line = $2 AND step < (
                 SELECT min(step) FROM (SELECT DISTINCT step FROM state_checkpoints
                     WHERE room_nid = $1 AND line = $2 ORDER BY step DESC LIMIT $3) AS newest)",
            room.0,
            at.line,
            KEPT_PER_LINE,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(entries.len())
}
