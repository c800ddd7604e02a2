//! What a look at the database tells about it, for `causeway doctor`.

use crate::{Store, StoreError, meter};

/// A database as it answers.
#[derive(Debug, Clone)]
pub struct Checkup {
    /// As in 150018 for 15.18.
    pub version: i32,
    /// As in `UTF8`.
    pub encoding: String,
    /// Whether Postgres waits until what it confirms is on disk.
    pub fsync: bool,
    /// The same for each commit.
    pub synchronous_commit: bool,
    /// Its clock, in milliseconds since 1970.
    pub clock_ms: i64,
    /// Connections it takes.
    pub max_connections: i32,
}

/// Looks at the database.
///
/// # Errors
/// If it does not answer.
pub async fn checkup(store: &Store) -> Result<Checkup, StoreError> {
    let query = sqlx::query_as!(
        Checkup,
        r#"SELECT current_setting('server_version_num')::int AS "version!",
                  current_setting('server_encoding') AS "encoding!",
                  current_setting('fsync') = 'on' AS "fsync!",
                  current_setting('synchronous_commit') <> 'off' AS "synchronous_commit!",
                  (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS "clock_ms!",
                  current_setting('max_connections')::int AS "max_connections!""#
    );
    Ok(meter::timed(query.fetch_one(store.pool())).await?)
}
