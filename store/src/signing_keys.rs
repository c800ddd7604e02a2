//! The keys that this server signs with.

use causeway_events::ServerKey;
use ruma::ServerName;

use crate::meter::timed;
use crate::{Clock, Store, StoreError};

/// The newest valid key, made now where there is none.
///
/// # Errors
/// If the database does not answer or the stored key does not parse.
pub async fn load_or_create(
    store: &Store,
    server: &ServerName,
    clock: &Clock,
) -> Result<ServerKey, StoreError> {
    let corrupt = |id: &str| StoreError::Corrupt {
        table: "signing_keys",
        id: id.to_owned(),
    };
    // Two nodes may start on an empty table at once: the lock lets one of them make the key.
    let mut tx = store.pool().begin().await?;
    timed(sqlx::query!("LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE").execute(&mut *tx))
        .await?;
    let row = timed(
        sqlx::query!(
            "SELECT key_id, private_der FROM signing_keys WHERE expired_at IS NULL ORDER BY created_at DESC LIMIT 1"
        )
        .fetch_optional(&mut *tx),
    )
    .await?;
    if let Some(row) = row {
        let version = row.key_id.strip_prefix("ed25519:").unwrap_or(&row.key_id);
        return ServerKey::from_der(server.to_owned(), version, &row.private_der)
            .map_err(|_| corrupt(&row.key_id));
    }
    let now = i64::try_from(clock.now_ms()).unwrap_or(i64::MAX);
    let version = format!("c{now:x}");
    let key = ServerKey::generate(server.to_owned(), &version).map_err(|_| corrupt(&version))?;
    let der = key.to_der();
    timed(
        sqlx::query!(
            "INSERT INTO signing_keys (key_id, private_der, created_at) VALUES ($1, $2, $3)",
            key.key_id(),
            der.as_slice(),
            now,
        )
        .execute(&mut *tx),
    )
    .await?;
    tx.commit().await?;
    Ok(key)
}

/// A key that this server signed with before.
#[derive(Clone, Debug)]
pub struct OldKey {
    /// The key.
    pub key: ServerKey,
    /// When it went out of use, in milliseconds since 1970.
    pub expired_at_ms: u64,
}

/// Old keys that are told to others.
const MAX_OLD_KEYS: i64 = 100;

/// The keys that this server no longer signs with, which events of their time still need.
///
/// # Errors
/// If the database does not answer or a stored key does not parse.
pub async fn load_old(store: &Store, server: &ServerName) -> Result<Vec<OldKey>, StoreError> {
    let rows = timed(
        sqlx::query!(
            r#"SELECT key_id, private_der, expired_at AS "expired_at!" FROM signing_keys
               WHERE expired_at IS NOT NULL ORDER BY expired_at DESC LIMIT $1"#,
            MAX_OLD_KEYS,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let rows = rows.into_iter().map(|row| {
        let version = row.key_id.strip_prefix("ed25519:").unwrap_or(&row.key_id);
        let key = ServerKey::from_der(server.to_owned(), version, &row.private_der);
        let key = key.map_err(|_| StoreError::Corrupt {
            table: "signing_keys",
            id: row.key_id.clone(),
        })?;
        Ok(OldKey {
            key,
            expired_at_ms: u64::try_from(row.expired_at).unwrap_or(0),
        })
    });
    rows.collect()
}

/// Puts the present key out of use; [`load_or_create`] makes a new one afterwards. A running
/// server goes on with the key that it has, so this is for one that stands still.
///
/// # Errors
/// The database's.
pub async fn retire(store: &Store, clock: &Clock) -> Result<u64, StoreError> {
    let now = i64::try_from(clock.now_ms()).unwrap_or(i64::MAX);
    let retired = timed(
        sqlx::query!(
            "UPDATE signing_keys SET expired_at = $1 WHERE expired_at IS NULL",
            now
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(retired.rows_affected())
}
