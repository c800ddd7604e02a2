//! Backups of room keys: their versions, and the keys in them.

use crate::{Store, StoreError, meter};

/// Versions that a user may have at the same time.
pub const MAX_VERSIONS: i64 = 500;

/// A version of a user's backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its number; the highest is the current one.
    pub version: i64,
    /// How the keys are encrypted.
    pub algorithm: String,
    /// What belongs to the algorithm, as JSON.
    pub auth_data: String,
    /// Changes with the keys.
    pub etag: i64,
    /// How many keys there are.
    pub key_count: i64,
}

/// How the keys of a version stand after they changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Changes with the keys.
    pub etag: i64,
    /// How many keys there are.
    pub key_count: i64,
}

/// A key of a room in a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackedUpKey {
    /// The room.
    pub room_id: String,
    /// The session in it.
    pub session_id: String,
    /// Index of the first message that the key decrypts.
    pub first_message_index: i64,
    /// How often the key was passed on.
    pub forwarded_count: i64,
    /// Whether the device that made the backup trusted where the key came from.
    pub is_verified: bool,
    /// The encrypted key, as JSON.
    pub session_data: String,
}

/// What became of an attempt to write keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// They are there, as far as they are better than what there was.
    Done(Tally),
    /// There is no such version.
    NotFound,
    /// Another version is the current one.
    Wrong {
        /// It.
        current: i64,
    },
}

/// Part of a backup: all, or what is of a room, or of a session in it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Part<'a> {
    /// The room.
    pub room_id: Option<&'a str>,
    /// The session.
    pub session_id: Option<&'a str>,
}

/// Makes a version, which is the current one from now on. None if the user has
/// [`MAX_VERSIONS`].
///
/// # Errors
/// The database's; two at the same time make one of them fail.
pub async fn create(
    store: &Store,
    user_id: &str,
    algorithm: &str,
    auth_data: &str,
) -> Result<Option<i64>, StoreError> {
    Ok(meter::timed(
        sqlx::query_scalar!(
            "INSERT INTO key_backups (user_id, version, algorithm, auth_data)
             SELECT $1, coalesce(max(version), 0) + 1, $2, $3 FROM key_backups WHERE user_id = $1
             HAVING count(*) FILTER (WHERE NOT deleted) < $4
             RETURNING version",
            user_id,
            algorithm,
            auth_data,
            MAX_VERSIONS,
        )
        .fetch_optional(store.pool()),
    )
    .await?)
}

/// A version, or the current one. Deleted ones are not found.
///
/// # Errors
/// The database's.
pub async fn find(
    store: &Store,
    user_id: &str,
    version: Option<i64>,
) -> Result<Option<Version>, StoreError> {
    let row = meter::timed(
        sqlx::query!(
            "SELECT version, algorithm, auth_data, etag, key_count FROM key_backups
             WHERE user_id = $1 AND ($2::bigint IS NULL OR version = $2) AND NOT deleted
             ORDER BY version DESC LIMIT 1",
            user_id,
            version,
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    Ok(row.map(|row| Version {
        version: row.version,
        algorithm: row.algorithm,
        auth_data: row.auth_data,
        etag: row.etag,
        key_count: row.key_count,
    }))
}

/// Gives a version other data.
///
/// # Errors
/// The database's.
pub async fn set_auth_data(
    store: &Store,
    user_id: &str,
    version: i64,
    auth_data: &str,
) -> Result<(), StoreError> {
    meter::timed(
        sqlx::query!(
            "UPDATE key_backups SET auth_data = $3
             WHERE user_id = $1 AND version = $2 AND NOT deleted",
            user_id,
            version,
            auth_data,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// Deletes a version with its keys. Gives whether there ever was one.
///
/// # Errors
/// The database's.
pub async fn delete(store: &Store, user_id: &str, version: i64) -> Result<bool, StoreError> {
    let done = meter::timed(
        sqlx::query!(
            "WITH keys AS (DELETE FROM backed_up_keys WHERE user_id = $1 AND version = $2)
             UPDATE key_backups SET deleted = true, auth_data = '', key_count = 0, etag = etag + 1
             WHERE user_id = $1 AND version = $2",
            user_id,
            version,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Deletes all versions of a user.
///
/// # Errors
/// The database's.
pub async fn delete_all(store: &Store, user_id: &str) -> Result<(), StoreError> {
    meter::timed(
        sqlx::query!(
            "WITH keys AS (DELETE FROM backed_up_keys WHERE user_id = $1)
             DELETE FROM key_backups WHERE user_id = $1",
            user_id,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// Puts keys into the current version, which must be `version`. A key that is there already
/// is replaced only by a better one (client-server API, "Server-side key backups"). No session may
/// stand in `keys` twice.
///
/// # Errors
/// The database's.
pub async fn put(
    store: &Store,
    user_id: &str,
    version: i64,
    keys: &[BackedUpKey],
) -> Result<Written, StoreError> {
    let mut tx = store.pool().begin().await?;
    // One writer after the other, and none while the version is deleted.
    let rows = meter::timed(
        sqlx::query_scalar!(
            "SELECT version FROM key_backups WHERE user_id = $1 AND NOT deleted
             ORDER BY version DESC LIMIT $2 FOR UPDATE",
            user_id,
            MAX_VERSIONS,
        )
        .fetch_all(&mut *tx),
    )
    .await?;
    match rows.first() {
        Some(&current) if current == version => {}
        Some(&current) if rows.contains(&version) => return Ok(Written::Wrong { current }),
        _ => return Ok(Written::NotFound),
    }
    let written = write(&mut tx, user_id, version, keys).await?;
    let new = written.iter().filter(|is_new| **is_new).count();
    let new = i64::try_from(new).unwrap_or(i64::MAX);
    let tally = tally(&mut tx, user_id, version, new, !written.is_empty()).await?;
    meter::timed(tx.commit()).await?;
    Ok(Written::Done(tally))
}

/// Writes the keys that are better than what there is; of each, whether it is new.
async fn write(
    tx: &mut sqlx::PgConnection,
    user_id: &str,
    version: i64,
    keys: &[BackedUpKey],
) -> Result<Vec<bool>, StoreError> {
    Ok(meter::timed(
        sqlx::query_scalar!(
            r#"INSERT INTO backed_up_keys AS old (user_id, version, room_id, session_id,
                 first_message_index, forwarded_count, is_verified, session_data)
               SELECT $1, $2, * FROM UNNEST($3::text[], $4::text[], $5::bigint[], $6::bigint[],
                                            $7::boolean[], $8::text[])
               ON CONFLICT (user_id, version, room_id, session_id) DO UPDATE
                 SET first_message_index = excluded.first_message_index,
                     forwarded_count = excluded.forwarded_count,
                     is_verified = excluded.is_verified, session_data = excluded.session_data
                 WHERE (NOT excluded.is_verified, excluded.first_message_index,
                        excluded.forwarded_count)
                     < (NOT old.is_verified, old.first_message_index, old.forwarded_count)
               RETURNING xmax = 0 AS "is_new!""#,
            user_id,
            version,
            &keys
                .iter()
                .map(|key| key.room_id.as_str())
                .collect::<Vec<_>>() as _,
            &keys
                .iter()
                .map(|key| key.session_id.as_str())
                .collect::<Vec<_>>() as _,
            &keys
                .iter()
                .map(|key| key.first_message_index)
                .collect::<Vec<_>>(),
            &keys
                .iter()
                .map(|key| key.forwarded_count)
                .collect::<Vec<_>>(),
            &keys.iter().map(|key| key.is_verified).collect::<Vec<_>>(),
            &keys
                .iter()
                .map(|key| key.session_data.as_str())
                .collect::<Vec<_>>() as _,
        )
        .fetch_all(tx),
    )
    .await?)
}

async fn tally(
    tx: &mut sqlx::PgConnection,
    user_id: &str,
    version: i64,
    more: i64,
    has_changed: bool,
) -> Result<Tally, StoreError> {
    let row = meter::timed(
        sqlx::query!(
            "UPDATE key_backups SET key_count = key_count + $3, etag = etag + $4
             WHERE user_id = $1 AND version = $2 RETURNING etag, key_count",
            user_id,
            version,
            more,
            i64::from(has_changed),
        )
        .fetch_one(tx),
    )
    .await?;
    Ok(Tally {
        etag: row.etag,
        key_count: row.key_count,
    })
}

/// The keys of a part of a version, by room and session. The caller knows that the version is
/// there.
///
/// # Errors
/// The database's.
pub async fn keys(
    store: &Store,
    user_id: &str,
    version: i64,
    part: Part<'_>,
) -> Result<Vec<BackedUpKey>, StoreError> {
    let rows = meter::timed(
        sqlx::query_as!(
            BackedUpKey,
            "SELECT room_id, session_id, first_message_index, forwarded_count, is_verified,
                    session_data
             FROM backed_up_keys
             WHERE user_id = $1 AND version = $2 AND ($3::text IS NULL OR room_id = $3)
               AND ($4::text IS NULL OR session_id = $4)
             ORDER BY room_id, session_id",
            user_id,
            version,
            part.room_id,
            part.session_id,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows)
}

/// Deletes the keys of a part of a version. None if there is no such version.
///
/// # Errors
/// The database's.
pub async fn delete_keys(
    store: &Store,
    user_id: &str,
    version: i64,
    part: Part<'_>,
) -> Result<Option<Tally>, StoreError> {
    let mut tx = store.pool().begin().await?;
    let found = meter::timed(
        sqlx::query_scalar!(
            "SELECT version FROM key_backups WHERE user_id = $1 AND version = $2 AND NOT deleted
             FOR UPDATE",
            user_id,
            version,
        )
        .fetch_optional(&mut *tx),
    )
    .await?;
    if found.is_none() {
        return Ok(None);
    }
    let done = meter::timed(
        sqlx::query!(
            "DELETE FROM backed_up_keys
             WHERE user_id = $1 AND version = $2 AND ($3::text IS NULL OR room_id = $3)
               AND ($4::text IS NULL OR session_id = $4)",
            user_id,
            version,
            part.room_id,
            part.session_id,
        )
        .execute(&mut *tx),
    )
    .await?;
    let gone = i64::try_from(done.rows_affected()).unwrap_or(i64::MAX);
    let tally = tally(&mut tx, user_id, version, -gone, gone > 0).await?;
    meter::timed(tx.commit()).await?;
    Ok(Some(tally))
}
