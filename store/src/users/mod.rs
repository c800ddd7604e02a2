//! Accounts and all that belongs to a person: devices, sessions, authentication in progress,
//! profiles, account data, filters, pushers, keys and their backups, reports.
//!
//! Plain queries on [`Store`](crate::Store), one file per family of tables; the rules stand in
//! the crate `users`. Times are milliseconds since 1970. Tokens come in as their
//! SHA-256, never in the clear. Tables whose changes readers must hear of (profiles, account
//! data, device lists, device and cross-signing keys, to-device messages) are only read here:
//! they are written by the log.

pub mod account_data;
pub mod accounts;
pub mod dehydrated;
pub mod device_keys;
pub mod devices;
pub mod directory;
pub mod emails;
pub mod external;
pub mod filters;
pub mod key_backups;
pub mod moderation;
pub mod one_time;
pub mod one_time_keys;
pub mod profiles;
pub mod pushers;
pub mod registration;
pub mod reports;
pub mod sessions;
pub mod thread_subscriptions;
pub mod to_device;
pub mod uia;

/// SHA-256 of a token.
pub type TokenHash = [u8; 32];

/// Most rows that a listing of one user's own things returns (devices, pushers, fields).
pub const MAX_OWN_ROWS: i64 = 10_000;

/// A time as Postgres keeps it.
pub(crate) fn db_ms(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// A time as Postgres keeps it, read back.
pub(crate) fn from_db_ms(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0)
}

/// A hash read back. Shorter or longer values cannot be written, and would match no token.
pub(crate) fn token_hash(bytes: &[u8]) -> TokenHash {
    TokenHash::try_from(bytes).unwrap_or_default()
}
