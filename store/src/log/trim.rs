//! Forgetting old entries of the log.
//!
//! What an entry is about stands in the table of its kind; the row in `log` only serves readers
//! that follow. A reader further behind than what is kept reads the tables from its position on.

use crate::meter::timed;
use crate::{Store, StoreError};

/// Entries that are kept for readers to catch up with.
const KEPT_ENTRIES: i64 = 1_000_000;

/// Entries that one step forgets, at most.
const ENTRIES_PER_STEP: i64 = 20_000;

/// Forgets some of the entries that no named reader waits for. Gives how many.
///
/// # Errors
/// If the database does not answer.
pub async fn trim(store: &Store) -> Result<u64, StoreError> {
    trim_to(store, KEPT_ENTRIES, ENTRIES_PER_STEP).await
}

async fn trim_to(store: &Store, kept: i64, step: i64) -> Result<u64, StoreError> {
    let done = timed(
        sqlx::query!(
            "DELETE FROM log WHERE position < (
                 SELECT least((SELECT position - $1 FROM log_head), (SELECT min(position) FROM log_readers)))
               AND position < (SELECT min(position) FROM log) + $2",
            kept,
            step,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(done.rows_affected())
}
