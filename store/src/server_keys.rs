//! Keys of other servers.

use crate::meter::timed;
use crate::{Store, StoreError};

/// Keys of one server that are read; the youngest ones.
pub const MAX_KEYS: i64 = 64;

/// A key of another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerKeyRow {
    /// The server.
    pub server_name: String,
    /// Such as `ed25519:a_1`.
    pub key_id: String,
    /// The Ed25519 key.
    pub public_key: [u8; 32],
    /// Up to when it is believed, in milliseconds since 1970.
    pub valid_until_ms: u64,
}

/// The known keys of servers, the [`MAX_KEYS`] youngest of each. One query.
///
/// # Errors
/// The database's.
pub async fn load(store: &Store, servers: &[&str]) -> Result<Vec<ServerKeyRow>, StoreError> {
    let rows = timed(
        sqlx::query!(
            r#"SELECT k.server_name, k.key_id, k.public_key, k.valid_until
               FROM unnest($1::text[]) AS wanted (name)
               CROSS JOIN LATERAL (
                   SELECT * FROM server_keys WHERE server_name = wanted.name
                   ORDER BY valid_until DESC LIMIT $2
               ) AS k"#,
            servers as &[&str],
            MAX_KEYS,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let rows = rows.into_iter().map(|row| {
        let public_key = row.public_key.try_into().map_err(|_| StoreError::Corrupt {
            table: "server_keys",
            id: format!("{} {}", row.server_name, row.key_id),
        })?;
        Ok(ServerKeyRow {
            server_name: row.server_name,
            key_id: row.key_id,
            public_key,
            valid_until_ms: u64::try_from(row.valid_until).unwrap_or(0),
        })
    });
    rows.collect()
}

/// Keeps keys. Where another key of the name is there, or a longer life, what the server itself
/// says (`is_direct`) wins, and what a notary says does not. A key that changes hands by a notary's
/// word alone would make events of the past false.
///
/// # Errors
/// The database's.
pub async fn keep(store: &Store, keys: &[ServerKeyRow], is_direct: bool) -> Result<(), StoreError> {
    let servers: Vec<&str> = keys.iter().map(|key| key.server_name.as_str()).collect();
    let ids: Vec<&str> = keys.iter().map(|key| key.key_id.as_str()).collect();
    let public: Vec<&[u8]> = keys.iter().map(|key| key.public_key.as_slice()).collect();
    let until: Vec<i64> = keys.iter().map(|key| db_ms(key.valid_until_ms)).collect();
    timed(
        sqlx::query!(
            r#"INSERT INTO server_keys AS old (server_name, key_id, public_key, valid_until)
               SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[])
               ON CONFLICT (server_name, key_id) DO UPDATE
               SET public_key = EXCLUDED.public_key, valid_until = EXCLUDED.valid_until
               WHERE $5 OR old.public_key = EXCLUDED.public_key
                   AND old.valid_until < EXCLUDED.valid_until"#,
            &servers as &[&str],
            &ids as &[&str],
            &public as &[&[u8]],
            &until,
            is_direct,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// A server's newest document, as it was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyDocument {
    /// The server.
    pub server_name: String,
    /// JSON.
    pub document: String,
    /// Up to when it is good, in milliseconds since 1970.
    pub valid_until_ms: u64,
}

/// Keeps documents, newer ones in place of older ones.
///
/// # Errors
/// The database's.
pub async fn keep_documents(store: &Store, documents: &[KeyDocument]) -> Result<(), StoreError> {
    let servers: Vec<&str> = documents.iter().map(|it| it.server_name.as_str()).collect();
    let texts: Vec<&str> = documents.iter().map(|it| it.document.as_str()).collect();
    let until: Vec<i64> = documents
        .iter()
        .map(|it| db_ms(it.valid_until_ms))
        .collect();
    timed(
        sqlx::query!(
            r#"INSERT INTO server_key_documents AS old (server_name, document, valid_until)
               SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
               ON CONFLICT (server_name) DO UPDATE
               SET document = EXCLUDED.document, valid_until = EXCLUDED.valid_until
               WHERE old.valid_until < EXCLUDED.valid_until"#,
            &servers as &[&str],
            &texts as &[&str],
            &until,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// The documents of servers, where there are any. One query.
///
/// # Errors
/// The database's.
pub async fn documents(store: &Store, servers: &[&str]) -> Result<Vec<KeyDocument>, StoreError> {
    let rows = timed(
        sqlx::query!(
            r#"SELECT server_name, document, valid_until FROM server_key_documents
               WHERE server_name = ANY($1)"#,
            servers as &[&str],
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let rows = rows.into_iter().map(|row| KeyDocument {
        server_name: row.server_name,
        document: row.document,
        valid_until_ms: u64::try_from(row.valid_until).unwrap_or(0),
    });
    Ok(rows.collect())
}

fn db_ms(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}
