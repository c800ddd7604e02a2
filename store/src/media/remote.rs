//! Copies of files of other servers.

use super::files::MediaFile;
use crate::users::db_ms;
use crate::{Store, StoreError, meter};

/// Keeps what is known of a copy whose content is on the disk, until `expires_at`. Where another
/// process was faster, nothing happens.
///
/// # Errors
/// The database's.
pub async fn create(
    store: &Store,
    (origin, media_id): (&str, &str),
    file: &MediaFile,
    now_ms: u64,
    expires_at: u64,
) -> Result<(), StoreError> {
    meter::timed(
        sqlx::query!(
            "WITH put AS (
               INSERT INTO media (origin, media_id, content_hash, size, content_type, file_name,
                                  created_at, expires_at, is_remote)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, true)
               ON CONFLICT DO NOTHING RETURNING 1
             ), settled AS (
               UPDATE media_contents SET in_doubt = false
               WHERE content_hash = $3 AND EXISTS (SELECT FROM put)
             )
             UPDATE media_remote_usage SET bytes = bytes + $4, files = files + 1
             WHERE EXISTS (SELECT FROM put)",
            origin,
            media_id,
            file.content_hash,
            file.size,
            file.content_type,
            file.file_name,
            db_ms(now_ms),
            db_ms(expires_at),
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// The copy of the file of that address. One that would go before `stale_before` now lives until
/// `expires_at`.
///
/// # Errors
/// The database's.
pub async fn find(
    store: &Store,
    (origin, media_id): (&str, &str),
    expires_at: u64,
    stale_before: u64,
) -> Result<Option<MediaFile>, StoreError> {
    Ok(meter::timed(
        sqlx::query_as!(
            MediaFile,
            "WITH touched AS (
               UPDATE media SET expires_at = $3
               WHERE origin = $1 AND media_id = $2 AND is_remote AND expires_at < $4
             )
             SELECT content_hash, size, content_type, file_name
             FROM media WHERE origin = $1 AND media_id = $2",
            origin,
            media_id,
            db_ms(expires_at),
            db_ms(stale_before),
        )
        .fetch_optional(store.pool()),
    )
    .await?)
}

/// Deletes, of the `limit` copies that would go first, those that all copies together have to lose
/// to take no more than `most_bytes`, and puts their contents in doubt. Answers how many.
///
/// # Errors
/// The database's.
pub async fn delete_beyond(
    store: &Store,
    most_bytes: u64,
    now_ms: u64,
    limit: i64,
) -> Result<u64, StoreError> {
    let gone = sqlx::query_scalar!(
        r#"WITH first AS (
             SELECT origin, media_id, size, expires_at FROM media
             WHERE is_remote ORDER BY expires_at LIMIT $3
           ), queue AS (
             SELECT origin, media_id,
                    sum(size) OVER (ORDER BY expires_at, origin, media_id) - size AS before
             FROM first WHERE (SELECT bytes FROM media_remote_usage) > $1
           ), gone AS (
             DELETE FROM media WHERE (origin, media_id) IN (
               SELECT origin, media_id FROM queue
               WHERE before < (SELECT bytes FROM media_remote_usage) - $1
             ) RETURNING content_hash, size
           ), doubted AS (
             UPDATE media_contents SET in_doubt = true, touched_at = $2
             WHERE content_hash IN (SELECT content_hash FROM gone)
           ), counted AS (
             UPDATE media_remote_usage
             SET bytes = bytes - (SELECT sum(size) FROM gone)::bigint,
                 files = files - (SELECT count(*) FROM gone)
             WHERE EXISTS (SELECT FROM gone)
           )
           SELECT count(*) AS "count!" FROM gone"#,
        i64::try_from(most_bytes).unwrap_or(i64::MAX),
        db_ms(now_ms),
        limit,
    )
    .fetch_one(store.pool())
    .await?;
    Ok(u64::try_from(gone).unwrap_or(0))
}
