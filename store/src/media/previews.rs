//! Previews of links, kept for a while.

use crate::users::db_ms;
use crate::{Store, StoreError, meter};

/// The preview of the address with that hash, as JSON, unless its time is over.
///
/// # Errors
/// The database's.
pub async fn find(
    store: &Store,
    url_hash: &[u8],
    now_ms: u64,
) -> Result<Option<String>, StoreError> {
    Ok(meter::timed(
        sqlx::query_scalar!(
            "SELECT preview FROM url_previews WHERE url_hash = $1 AND expires_at > $2",
            url_hash,
            db_ms(now_ms),
        )
        .fetch_optional(store.pool()),
    )
    .await?)
}

/// Keeps a preview.
///
/// # Errors
/// The database's.
pub async fn save(
    store: &Store,
    url_hash: &[u8],
    preview: &str,
    expires_at: u64,
) -> Result<(), StoreError> {
    meter::timed(
        sqlx::query!(
            "INSERT INTO url_previews (url_hash, preview, expires_at) VALUES ($1, $2, $3)
             ON CONFLICT (url_hash) DO UPDATE
             SET preview = EXCLUDED.preview, expires_at = EXCLUDED.expires_at",
            url_hash,
            preview,
            db_ms(expires_at),
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// Deletes up to `limit` previews whose time is over, and up to `limit` of the oldest beyond
/// `most`.
///
/// # Errors
/// The database's.
pub async fn sweep(store: &Store, now_ms: u64, most: i64, limit: i64) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM url_previews WHERE url_hash IN (
           (SELECT url_hash FROM url_previews WHERE expires_at <= $1 LIMIT $3)
           UNION ALL
           (SELECT url_hash FROM url_previews ORDER BY expires_at DESC OFFSET $2 LIMIT $3)
         )",
        db_ms(now_ms),
        most,
        limit,
    )
    .execute(store.pool())
    .await?;
    Ok(())
}
