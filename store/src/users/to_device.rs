//! What sending messages to devices must read. The messages and the transactions in which they
//! were sent are written by the log.

use super::db_ms;
use crate::{Store, StoreError, meter};

/// Most devices that one request reaches.
pub const MAX_RECIPIENTS: i64 = 50_000;

/// How long a transaction is remembered, in milliseconds.
pub const REMEMBER_MS: u64 = 24 * 3_600_000;

/// The devices of these users, as pairs of user and device; at most [`MAX_RECIPIENTS`].
///
/// # Errors
/// The database's.
pub async fn devices_of(
    store: &Store,
    user_ids: &[String],
) -> Result<Vec<(String, String)>, StoreError> {
    let rows = meter::timed(
        sqlx::query!(
            "SELECT user_id, device_id FROM devices WHERE user_id = ANY($1) LIMIT $2",
            user_ids,
            MAX_RECIPIENTS,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.user_id, row.device_id))
        .collect())
}

/// Whether a device has sent this transaction already.
///
/// # Errors
/// The database's.
pub async fn was_sent(
    store: &Store,
    user_id: &str,
    device_id: &str,
    txn_id: &str,
) -> Result<bool, StoreError> {
    Ok(meter::timed(
        sqlx::query_scalar!(
            r#"SELECT EXISTS (
                 SELECT FROM to_device_txns
                 WHERE user_id = $1 AND device_id = $2 AND txn_id = $3
               ) AS "sent!""#,
            user_id,
            device_id,
            txn_id,
        )
        .fetch_one(store.pool()),
    )
    .await?)
}

/// Forgets transactions that are older than [`REMEMBER_MS`].
///
/// # Errors
/// The database's.
pub async fn forget_transactions(store: &Store, now_ms: u64) -> Result<(), StoreError> {
    meter::timed(
        sqlx::query!(
            "DELETE FROM to_device_txns WHERE sent_at < $1",
            db_ms(now_ms.saturating_sub(REMEMBER_MS)),
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}
