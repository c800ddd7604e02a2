//! What is known of uploaded files. The content lies elsewhere, under its hash.

use super::db_ms;
use crate::{Store, StoreError, meter};

/// An uploaded file.
#[derive(Clone, Debug)]
pub struct MediaFile {
    /// SHA-256 of the content.
    pub content_hash: Vec<u8>,
    /// In bytes.
    pub size: i64,
    /// As the uploader said.
    pub content_type: Option<String>,
    /// As the uploader said.
    pub file_name: Option<String>,
}

/// Keeps what is known of an upload. Answers false if that id has content already.
///
/// # Errors
/// The database's.
pub async fn create(
    store: &Store,
    (origin, media_id): (&str, &str),
    file: &MediaFile,
    uploader: &str,
    now_ms: u64,
) -> Result<bool, StoreError> {
    let done = meter::timed(
        sqlx::query!(
            "WITH used AS (DELETE FROM media_reserved WHERE media_id = $2)
             INSERT INTO media (origin, media_id, content_hash, size, content_type, file_name,
                                uploader, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
            origin,
            media_id,
            file.content_hash,
            file.size,
            file.content_type,
            file.file_name,
            uploader,
            db_ms(now_ms),
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The file of that address.
///
/// # Errors
/// The database's.
pub async fn find(
    store: &Store,
    origin: &str,
    media_id: &str,
) -> Result<Option<MediaFile>, StoreError> {
    Ok(meter::timed(
        sqlx::query_as!(
            MediaFile,
            "SELECT content_hash, size, content_type, file_name
             FROM media WHERE origin = $1 AND media_id = $2",
            origin,
            media_id,
        )
        .fetch_optional(store.pool()),
    )
    .await?)
}

/// Hands out an id for an upload that is to come, unless the uploader has `most` of them open.
///
/// # Errors
/// The database's.
pub async fn reserve(
    store: &Store,
    media_id: &str,
    uploader: &str,
    expires_at: u64,
    most: i64,
    now_ms: u64,
) -> Result<bool, StoreError> {
    let done = meter::timed(
        sqlx::query!(
            "WITH swept AS (DELETE FROM media_reserved WHERE expires_at <= $4)
             INSERT INTO media_reserved (media_id, uploader, expires_at)
             SELECT $1, $2, $3 WHERE (
               SELECT count(*) FROM media_reserved WHERE uploader = $2 AND expires_at > $4
             ) < $5",
            media_id,
            uploader,
            db_ms(expires_at),
            db_ms(now_ms),
            most,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Who holds a reserved id that has not expired.
///
/// # Errors
/// The database's.
pub async fn find_reserved(
    store: &Store,
    media_id: &str,
    now_ms: u64,
) -> Result<Option<String>, StoreError> {
    Ok(meter::timed(
        sqlx::query_scalar!(
            "SELECT uploader FROM media_reserved WHERE media_id = $1 AND expires_at > $2",
            media_id,
            db_ms(now_ms),
        )
        .fetch_optional(store.pool()),
    )
    .await?)
}
