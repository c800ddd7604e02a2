//! What is known of uploaded files. The content lies elsewhere, under its hash.

use crate::users::db_ms;
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

/// What became of a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is kept.
    Yes,
    /// That id has content already.
    Taken,
    /// It would bring the uploader above the quota.
    OverQuota,
}

/// Keeps what is known of an upload whose content is on the disk, and counts it for the uploader,
/// who may store `quota` bytes.
///
/// # Errors
/// The database's.
pub async fn create(
    store: &Store,
    (origin, media_id): (&str, &str),
    file: &MediaFile,
    uploader: &str,
    quota: Option<i64>,
    now_ms: u64,
) -> Result<Created, StoreError> {
    let mut transaction = store.pool().begin().await?;
    let done = meter::timed(
        sqlx::query!(
            r#"WITH counted AS (
                 INSERT INTO media_usage AS u (uploader, bytes, files)
                 SELECT $7, $4::bigint, 1 WHERE $9::bigint IS NULL OR $4 <= $9
                 ON CONFLICT (uploader) DO UPDATE
                 SET bytes = u.bytes + EXCLUDED.bytes, files = u.files + 1
                 WHERE $9 IS NULL OR u.bytes + EXCLUDED.bytes <= $9
                 RETURNING 1
               ), put AS (
                 INSERT INTO media (origin, media_id, content_hash, size, content_type, file_name,
                                    uploader, created_at)
                 SELECT $1, $2, $3::bytea, $4, $5, $6, $7, $8 FROM counted
                 ON CONFLICT DO NOTHING RETURNING 1
               ), filled AS (
                 DELETE FROM media_reserved WHERE media_id = $2 AND EXISTS (SELECT FROM put)
               ), settled AS (
                 UPDATE media_contents SET in_doubt = false
                 WHERE content_hash = $3 AND EXISTS (SELECT FROM put)
               )
               SELECT EXISTS (SELECT FROM counted) AS "within!", EXISTS (SELECT FROM put) AS "put!""#,
            origin,
            media_id,
            file.content_hash,
            file.size,
            file.content_type,
            file.file_name,
            uploader,
            db_ms(now_ms),
            quota,
        )
        .fetch_one(&mut *transaction),
    )
    .await?;
    match (done.within, done.put) {
        (true, true) => {
            transaction.commit().await?;
            Ok(Created::Yes)
        }
        // Dropping the transaction takes back what was counted.
        (true, false) => Ok(Created::Taken),
        (false, _) => Ok(Created::OverQuota),
    }
}

/// Keeps what is known of a file that this server fetched itself, until `expires_at`.
///
/// # Errors
/// The database's.
pub async fn create_fetched(
    store: &Store,
    (origin, media_id): (&str, &str),
    file: &MediaFile,
    now_ms: u64,
    expires_at: u64,
) -> Result<(), StoreError> {
    meter::timed(
        sqlx::query!(
            "WITH settled AS (
               UPDATE media_contents SET in_doubt = false WHERE content_hash = $3
             )
             INSERT INTO media (origin, media_id, content_hash, size, content_type, file_name,
                                created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
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

/// How many bytes a user has stored.
///
/// # Errors
/// The database's.
pub async fn used_bytes(store: &Store, uploader: &str) -> Result<u64, StoreError> {
    let bytes = meter::timed(
        sqlx::query_scalar!(
            "SELECT bytes FROM media_usage WHERE uploader = $1",
            uploader
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    Ok(u64::try_from(bytes.unwrap_or(0)).unwrap_or(0))
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
