//! Who may register: tokens with a number of uses, and the nonces of shared-secret registration.

use super::db_ms;
use crate::{Store, StoreError, meter};

/// Whether a registration token may be used now.
///
/// # Errors
/// The database's.
pub async fn token_is_valid(store: &Store, token: &str, now_ms: u64) -> Result<bool, StoreError> {
    Ok(meter::timed(
        sqlx::query_scalar!(
            r#"SELECT EXISTS (
                 SELECT FROM registration_tokens
                 WHERE token = $1 AND (uses_allowed IS NULL OR completed < uses_allowed)
                   AND (expires_at IS NULL OR expires_at > $2)
               ) AS "valid!""#,
            token,
            db_ms(now_ms),
        )
        .fetch_one(store.pool()),
    )
    .await?)
}

/// Makes a registration token. Answers false if it existed already.
///
/// # Errors
/// The database's.
pub async fn create_token(
    store: &Store,
    token: &str,
    uses_allowed: Option<i32>,
    expires_at: Option<u64>,
) -> Result<bool, StoreError> {
    let done = meter::timed(
        sqlx::query!(
            "INSERT INTO registration_tokens (token, uses_allowed, expires_at)
             VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            token,
            uses_allowed,
            expires_at.map(db_ms),
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Keeps a nonce for shared-secret registration. Expired ones are swept out on the way.
///
/// # Errors
/// The database's.
pub async fn create_nonce(
    store: &Store,
    nonce: &str,
    expires_at: u64,
    now_ms: u64,
) -> Result<(), StoreError> {
    meter::timed(
        sqlx::query!(
            "WITH swept AS (DELETE FROM registration_nonces WHERE expires_at <= $3)
             INSERT INTO registration_nonces (nonce, expires_at) VALUES ($1, $2)",
            nonce,
            db_ms(expires_at),
            db_ms(now_ms),
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// Uses a nonce up. Answers whether it was there and valid.
///
/// # Errors
/// The database's.
pub async fn take_nonce(store: &Store, nonce: &str, now_ms: u64) -> Result<bool, StoreError> {
    let valid = meter::timed(
        sqlx::query_scalar!(
            r#"DELETE FROM registration_nonces WHERE nonce = $1
               RETURNING expires_at > $2 AS "valid!""#,
            nonce,
            db_ms(now_ms),
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    Ok(valid.unwrap_or(false))
}
