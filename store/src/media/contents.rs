//! The contents that lie on the disk, and their end.

use sqlx::{Postgres, Transaction};

use crate::users::db_ms;
use crate::{Store, StoreError, meter};

/// Notes that a content is about to be put on the disk. Waits for a deletion of it that runs.
///
/// # Errors
/// The database's.
pub async fn touch(store: &Store, content_hash: &[u8], now_ms: u64) -> Result<(), StoreError> {
    meter::timed(
        sqlx::query!(
            "INSERT INTO media_contents (content_hash, touched_at, in_doubt)
             VALUES ($1, $2, true)
             ON CONFLICT (content_hash) DO UPDATE
             SET touched_at = EXCLUDED.touched_at, in_doubt = true",
            content_hash,
            db_ms(now_ms),
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// Contents that no file names. They are locked: whoever uploads one of them again waits until
/// this is buried, or dropped, which leaves everything as it was.
#[derive(Debug)]
pub struct Condemned {
    transaction: Transaction<'static, Postgres>,
    /// The hashes, at least one.
    pub hashes: Vec<Vec<u8>>,
    /// Whether there may be more of them.
    pub may_be_more: bool,
}

/// Finds contents that no file names and that were not touched since `before_ms`; looks at
/// `limit` of those in doubt.
///
/// # Errors
/// The database's.
pub async fn condemn(
    store: &Store,
    before_ms: u64,
    limit: i64,
) -> Result<Option<Condemned>, StoreError> {
    let mut transaction = store.pool().begin().await?;
    let found = sqlx::query!(
        r#"WITH doubtful AS (
             SELECT content_hash,
                    EXISTS (SELECT FROM media m WHERE m.content_hash = c.content_hash) AS named
             FROM media_contents c WHERE in_doubt AND touched_at <= $1
             ORDER BY touched_at LIMIT $2 FOR UPDATE SKIP LOCKED
           ), settled AS (
             UPDATE media_contents c SET in_doubt = false
             FROM doubtful d WHERE d.named AND c.content_hash = d.content_hash
           )
           SELECT content_hash, named AS "named!" FROM doubtful"#,
        db_ms(before_ms),
        limit,
    )
    .fetch_all(&mut *transaction)
    .await?;
    let may_be_more = i64::try_from(found.len()).is_ok_and(|found| found >= limit);
    let unnamed = found.into_iter().filter(|content| !content.named);
    let hashes: Vec<_> = unnamed.map(|content| content.content_hash).collect();
    if hashes.is_empty() {
        transaction.commit().await?;
        return Ok(None);
    }
    Ok(Some(Condemned {
        transaction,
        hashes,
        may_be_more,
    }))
}

impl Condemned {
    /// Forgets the contents, whose files are gone.
    ///
    /// # Errors
    /// The database's; then nothing is forgotten.
    pub async fn bury(mut self) -> Result<(), StoreError> {
        sqlx::query!(
            "DELETE FROM media_contents WHERE content_hash = ANY($1)",
            &self.hashes,
        )
        .execute(&mut *self.transaction)
        .await?;
        self.transaction.commit().await?;
        Ok(())
    }
}

/// Deletes up to `limit` files whose time is over, and puts their contents in doubt. Answers how
/// many.
///
/// # Errors
/// The database's.
pub async fn delete_expired_files(
    store: &Store,
    now_ms: u64,
    limit: i64,
) -> Result<u64, StoreError> {
    let gone = sqlx::query_scalar!(
        r#"WITH gone AS (
             DELETE FROM media WHERE (origin, media_id) IN (
               SELECT origin, media_id FROM media
               WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2
             ) RETURNING content_hash, size, is_remote
           ), doubted AS (
             UPDATE media_contents SET in_doubt = true, touched_at = $1
             WHERE content_hash IN (SELECT content_hash FROM gone)
           ), counted AS (
             UPDATE media_remote_usage
             SET bytes = bytes - (SELECT sum(size) FROM gone WHERE is_remote)::bigint,
                 files = files - (SELECT count(*) FROM gone WHERE is_remote)
             WHERE EXISTS (SELECT FROM gone WHERE is_remote)
           )
           SELECT count(*) AS "count!" FROM gone"#,
        db_ms(now_ms),
        limit,
    )
    .fetch_one(store.pool())
    .await?;
    Ok(u64::try_from(gone).unwrap_or(0))
}
