//! One-time and fallback keys: uploaded by a device, claimed by whoever wants to speak to it.
//!
//! They change outside the log, which would otherwise wait for every claim; readers are told
//! afterwards which devices have others left, and count them here.

use std::collections::{BTreeMap, HashMap};

use super::db_ms;
use crate::log::{Columns, PreKey};
use crate::{Store, StoreError, meter};

/// One-time keys that a device may have waiting, of all algorithms.
pub const MAX_WAITING: i64 = 10_000;

/// Algorithms of which a device may have a fallback key.
pub const MAX_FALLBACK: i64 = 100;

/// Keys of a device that were given out and are remembered, at most.
const MAX_REMEMBERED: i64 = 10_000;

/// How long a key that was given out is remembered, in milliseconds.
const REMEMBER_MS: u64 = 7 * 24 * 3_600_000;

/// What a device has left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyCounts {
    /// One-time keys of each algorithm.
    pub one_time: BTreeMap<String, i64>,
    /// Algorithms whose fallback key was not given out.
    pub unused_fallback: Vec<String>,
}

/// What became of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Uploaded {
    /// It is done; these are left now.
    Done(KeyCounts),
    /// The device is gone.
    NoDevice,
    /// There is another key of this name, `algorithm:id`.
    Taken(String),
    /// There would be more than [`MAX_WAITING`] or [`MAX_FALLBACK`].
    TooMany,
}

/// Adds keys of a device, all or none. A key that is there already is passed over, and so is one
/// that was given out; a fallback key takes the place of the one of its algorithm, which must be
/// there once only.
///
/// # Errors
/// The database's.
pub async fn upload(
    store: &Store,
    user_id: &str,
    device_id: &str,
    one_time: &[PreKey],
    fallback: &[PreKey],
    now_ms: u64,
) -> Result<Uploaded, StoreError> {
    let mut tx = store.pool().begin().await?;
    // One upload of a device after the other.
    let device = meter::timed(
        sqlx::query_scalar!(
            r#"SELECT 1 AS "there!" FROM devices WHERE user_id = $1 AND device_id = $2
               FOR NO KEY UPDATE"#,
            user_id,
            device_id,
        )
        .fetch_optional(&mut *tx),
    )
    .await?;
    if device.is_none() {
        return Ok(Uploaded::NoDevice);
    }
    let new = Columns::of(one_time);
    let taken = meter::timed(
        sqlx::query_scalar!(
            r#"SELECT n.algorithm || ':' || n.key_id AS "name!"
               FROM UNNEST($3::text[], $4::text[], $5::bytea[]) AS n (algorithm, key_id, fingerprint)
               JOIN one_time_keys k ON k.user_id = $1 AND k.device_id = $2
                AND k.algorithm = n.algorithm AND k.key_id = n.key_id
               WHERE k.claimed_at IS NULL AND k.fingerprint <> n.fingerprint LIMIT 1"#,
            user_id,
            device_id,
            &new.algorithms as _,
            &new.key_ids as _,
            &new.fingerprints as _,
        )
        .fetch_optional(&mut *tx),
    )
    .await?;
    if let Some(name) = taken {
        return Ok(Uploaded::Taken(name));
    }
    add(&mut tx, user_id, device_id, &new).await?;
    let fallback_keys = set_fallback(&mut tx, user_id, device_id, fallback).await?;
    forget(&mut tx, user_id, device_id, now_ms).await?;
    let counts = count_in(&mut tx, &[user_id], &[device_id]).await?;
    let counts = counts.into_values().next().unwrap_or_default();
    if counts.one_time.values().sum::<i64>() > MAX_WAITING || fallback_keys > MAX_FALLBACK {
        return Ok(Uploaded::TooMany);
    }
    meter::timed(tx.commit()).await?;
    Ok(Uploaded::Done(counts))
}

/// Adds one-time keys that are not there.
async fn add(
    tx: &mut sqlx::PgConnection,
    user_id: &str,
    device_id: &str,
    new: &Columns<'_>,
) -> Result<(), StoreError> {
    // A key that was given out and comes with other content is another key: a client that lost
    // its memory counts from the beginning.
    meter::timed(
        sqlx::query!(
            "INSERT INTO one_time_keys (user_id, device_id, algorithm, key_id, keys, fingerprint)
             SELECT $1, $2, * FROM UNNEST($3::text[], $4::text[], $5::text[], $6::bytea[])
             ON CONFLICT (user_id, device_id, algorithm, key_id) DO UPDATE
               SET keys = excluded.keys, fingerprint = excluded.fingerprint,
                   key_nid = excluded.key_nid, claimed_at = NULL
               WHERE one_time_keys.claimed_at IS NOT NULL
                 AND one_time_keys.fingerprint <> excluded.fingerprint",
            user_id,
            device_id,
            &new.algorithms as _,
            &new.key_ids as _,
            &new.keys as _,
            &new.fingerprints as _,
        )
        .execute(tx),
    )
    .await?;
    Ok(())
}

/// A fallback key that is the same as before stays used if it was. Gives how many there are now.
async fn set_fallback(
    tx: &mut sqlx::PgConnection,
    user_id: &str,
    device_id: &str,
    fallback: &[PreKey],
) -> Result<i64, StoreError> {
    let new = Columns::of(fallback);
    meter::timed(
        sqlx::query!(
            "INSERT INTO fallback_keys (user_id, device_id, algorithm, key_id, keys, fingerprint)
             SELECT $1, $2, * FROM UNNEST($3::text[], $4::text[], $5::text[], $6::bytea[])
             ON CONFLICT (user_id, device_id, algorithm) DO UPDATE
               SET key_id = excluded.key_id, keys = excluded.keys,
                   fingerprint = excluded.fingerprint, used = false
               WHERE fallback_keys.key_id <> excluded.key_id
                  OR fallback_keys.fingerprint <> excluded.fingerprint",
            user_id,
            device_id,
            &new.algorithms as _,
            &new.key_ids as _,
            &new.keys as _,
            &new.fingerprints as _,
        )
        .execute(&mut *tx),
    )
    .await?;
    Ok(meter::timed(
        sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM fallback_keys WHERE user_id = $1 AND device_id = $2"#,
            user_id,
            device_id,
        )
        .fetch_one(tx),
    )
    .await?)
}

/// Forgets what was given out long ago.
async fn forget(
    tx: &mut sqlx::PgConnection,
    user_id: &str,
    device_id: &str,
    now_ms: u64,
) -> Result<(), StoreError> {
    meter::timed(
        sqlx::query!(
            "DELETE FROM one_time_keys
             WHERE user_id = $1 AND device_id = $2 AND claimed_at IS NOT NULL
               AND (claimed_at < $3 OR key_nid <= (
                 SELECT key_nid FROM one_time_keys
                 WHERE user_id = $1 AND device_id = $2 AND claimed_at IS NOT NULL
                 ORDER BY key_nid DESC OFFSET $4 LIMIT 1))",
            user_id,
            device_id,
            db_ms(now_ms.saturating_sub(REMEMBER_MS)),
            MAX_REMEMBERED,
        )
        .execute(tx),
    )
    .await?;
    Ok(())
}

/// Devices, as user and device, with what they have left.
type CountsByDevice = HashMap<(String, String), KeyCounts>;

/// What devices have left; those that have nothing are missing. One query.
///
/// # Errors
/// The database's.
pub async fn count(
    store: &Store,
    user_ids: &[&str],
    device_ids: &[&str],
) -> Result<CountsByDevice, StoreError> {
    let mut connection = store.pool().acquire().await?;
    count_in(&mut connection, user_ids, device_ids).await
}

async fn count_in(
    connection: &mut sqlx::PgConnection,
    user_ids: &[&str],
    device_ids: &[&str],
) -> Result<CountsByDevice, StoreError> {
    let rows = meter::timed(
        sqlx::query!(
            r#"SELECT w.user_id AS "user_id!", w.device_id AS "device_id!",
                      k.algorithm AS "algorithm!", k.left_over AS "left_over"
               FROM UNNEST($1::text[], $2::text[]) AS w (user_id, device_id)
               CROSS JOIN LATERAL (
                 SELECT algorithm, count(*) AS left_over FROM one_time_keys
                 WHERE user_id = w.user_id AND device_id = w.device_id AND claimed_at IS NULL
                 GROUP BY algorithm
                 UNION ALL
                 SELECT algorithm, NULL FROM fallback_keys
                 WHERE user_id = w.user_id AND device_id = w.device_id AND NOT used
               ) k ORDER BY k.algorithm"#,
            user_ids as _,
            device_ids as _,
        )
        .fetch_all(connection),
    )
    .await?;
    let mut counts = CountsByDevice::new();
    for row in rows {
        let device = counts.entry((row.user_id, row.device_id)).or_default();
        match row.left_over {
            Some(left) => drop(device.one_time.insert(row.algorithm, left)),
            None => device.unused_fallback.push(row.algorithm),
        }
    }
    Ok(counts)
}

/// A key that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Whose.
    pub user_id: &'a str,
    /// Of which device.
    pub device_id: &'a str,
    /// Of which algorithm.
    pub algorithm: &'a str,
}

/// A key that was given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Whose.
    pub user_id: String,
    /// Of which device.
    pub device_id: String,
    /// `algorithm:id`
    pub name: String,
    /// The key, as JSON.
    pub keys: String,
}

/// Gives out a key for each wish that can be met: the oldest one-time key, or else the fallback
/// key. No one-time key is given to two. The same wish must not stand there twice. One query.
///
/// # Errors
/// The database's.
pub async fn claim(
    store: &Store,
    wanted: &[Wanted<'_>],
    now_ms: u64,
) -> Result<Vec<Claimed>, StoreError> {
    // Rows that another claim holds are passed over, so that claims neither wait for each other
    // nor lock each other out.
    let rows = meter::timed(
        sqlx::query!(
            r#"WITH wanted AS (
                 SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[])
                          AS w (user_id, device_id, algorithm)
               ), picked AS MATERIALIZED (
                 SELECT w.user_id, w.device_id, w.algorithm, o.key_id
                 FROM wanted w CROSS JOIN LATERAL (
                   SELECT k.key_id FROM one_time_keys k
                   WHERE k.user_id = w.user_id AND k.device_id = w.device_id
                     AND k.algorithm = w.algorithm AND k.claimed_at IS NULL
                   ORDER BY k.key_nid LIMIT 1 FOR UPDATE SKIP LOCKED
                 ) o
               ), taken AS (
                 UPDATE one_time_keys k SET claimed_at = $4 FROM picked p
                 WHERE k.user_id = p.user_id AND k.device_id = p.device_id
                   AND k.algorithm = p.algorithm AND k.key_id = p.key_id
                 RETURNING k.user_id, k.device_id, k.algorithm, k.key_id, k.keys
               ), fallback AS (
                 SELECT f.* FROM wanted w JOIN fallback_keys f ON f.user_id = w.user_id
                    AND f.device_id = w.device_id AND f.algorithm = w.algorithm
                 WHERE NOT EXISTS (SELECT FROM picked p WHERE p.user_id = w.user_id
                    AND p.device_id = w.device_id AND p.algorithm = w.algorithm)
               ), fresh AS MATERIALIZED (
                 SELECT f.user_id, f.device_id, f.algorithm FROM fallback_keys f
                 JOIN fallback b USING (user_id, device_id, algorithm)
                 WHERE NOT f.used FOR UPDATE OF f SKIP LOCKED
               ), used AS (
                 UPDATE fallback_keys f SET used = true FROM fresh
                 WHERE f.user_id = fresh.user_id AND f.device_id = fresh.device_id
                   AND f.algorithm = fresh.algorithm
               )
               SELECT user_id AS "user_id!", device_id AS "device_id!",
                      algorithm || ':' || key_id AS "name!", keys AS "keys!" FROM taken
               UNION ALL
               SELECT user_id, device_id, algorithm || ':' || key_id, keys FROM fallback"#,
            &wanted.iter().map(|w| w.user_id).collect::<Vec<_>>() as _,
            &wanted.iter().map(|w| w.device_id).collect::<Vec<_>>() as _,
            &wanted.iter().map(|w| w.algorithm).collect::<Vec<_>>() as _,
            db_ms(now_ms),
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let claimed = rows.into_iter().map(|row| Claimed {
        user_id: row.user_id,
        device_id: row.device_id,
        name: row.name,
        keys: row.keys,
    });
    Ok(claimed.collect())
}
