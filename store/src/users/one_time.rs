//! Tokens that are given from hand to hand: for a login on another device, and for proving to a
//! third party who somebody is (OpenID).

use super::{TokenHash, db_ms};
use crate::{Store, StoreError, meter};

/// Keeps a login token until it is used or expires. Expired ones are swept out on the way.
///
/// # Errors
/// The database's.
pub async fn create_login_token(
    store: &Store,
    hash: &TokenHash,
    user_id: &str,
    expires_at: u64,
    now_ms: u64,
) -> Result<(), StoreError> {
    meter::timed(
        sqlx::query!(
            "WITH swept AS (DELETE FROM login_tokens WHERE expires_at <= $4)
             INSERT INTO login_tokens (token_hash, user_id, expires_at) VALUES ($1, $2, $3)",
            hash.as_slice(),
            user_id,
            db_ms(expires_at),
            db_ms(now_ms),
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// Uses a login token up. Answers whose it was, if it was still valid.
///
/// # Errors
/// The database's.
pub async fn take_login_token(
    store: &Store,
    hash: &TokenHash,
    now_ms: u64,
) -> Result<Option<String>, StoreError> {
    let row = meter::timed(
        sqlx::query!(
            r#"DELETE FROM login_tokens WHERE token_hash = $1
               RETURNING user_id, expires_at > $2 AS "is_valid!""#,
            hash.as_slice(),
            db_ms(now_ms),
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    Ok(row.filter(|row| row.is_valid).map(|row| row.user_id))
}

/// Keeps an OpenID token until it expires. Expired ones are swept out on the way.
///
/// # Errors
/// The database's.
pub async fn create_openid_token(
    store: &Store,
    hash: &TokenHash,
    user_id: &str,
    expires_at: u64,
    now_ms: u64,
) -> Result<(), StoreError> {
    meter::timed(
        sqlx::query!(
            "WITH swept AS (DELETE FROM openid_tokens WHERE expires_at <= $4)
             INSERT INTO openid_tokens (token_hash, user_id, expires_at) VALUES ($1, $2, $3)",
            hash.as_slice(),
            user_id,
            db_ms(expires_at),
            db_ms(now_ms),
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// Whose OpenID token this is, if it is valid.
///
/// # Errors
/// The database's.
pub async fn find_openid_user(
    store: &Store,
    hash: &TokenHash,
    now_ms: u64,
) -> Result<Option<String>, StoreError> {
    Ok(meter::timed(
        sqlx::query_scalar!(
            "SELECT t.user_id FROM openid_tokens t JOIN accounts a ON a.user_id = t.user_id
             WHERE t.token_hash = $1 AND t.expires_at > $2 AND a.deactivated_at IS NULL",
            hash.as_slice(),
            db_ms(now_ms),
        )
        .fetch_optional(store.pool()),
    )
    .await?)
}
