//! People whom identity providers know: their accounts, and logins on their way.

use super::{TokenHash, db_ms};
use crate::{Store, StoreError, meter};

/// Most providers that one account is asked about.
const MAX_PROVIDERS: i64 = 100;

/// Somebody as a provider knows them.
#[derive(Clone, Copy, Debug)]
pub struct ExternalId<'a> {
    /// The provider's id in the settings.
    pub provider: &'a str,
    /// Its name for them.
    pub subject: &'a str,
}

/// A login on its way.
#[derive(Clone, Debug)]
pub struct SsoAttempt {
    /// The provider's id in the settings.
    pub provider: String,
    /// What its token must hold.
    pub nonce: String,
    /// What proves to it who began.
    pub verifier: String,
    /// Where the client waits; none for user-interactive authentication.
    pub redirect_url: Option<String>,
    /// The session of user-interactive authentication; none for a login.
    pub uia_session: Option<String>,
}

/// Keeps an attempt until `expires_at`. Expired ones are swept out on the way.
///
/// # Errors
/// The database's.
pub async fn begin(
    store: &Store,
    state: &TokenHash,
    cookie: &TokenHash,
    attempt: &SsoAttempt,
    expires_at: u64,
    now_ms: u64,
) -> Result<(), StoreError> {
    meter::timed(
        sqlx::query!(
            "WITH swept AS (DELETE FROM sso_attempts WHERE expires_at <= $9)
             INSERT INTO sso_attempts
               (state_hash, cookie_hash, provider, nonce, verifier, redirect_url, uia_session,
                expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            state.as_slice(),
            cookie.as_slice(),
            attempt.provider,
            attempt.nonce,
            attempt.verifier,
            attempt.redirect_url,
            attempt.uia_session,
            db_ms(expires_at),
            db_ms(now_ms),
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// Uses an attempt up: the one of this state that began with this cookie, unless it expired.
///
/// # Errors
/// The database's.
pub async fn take(
    store: &Store,
    state: &TokenHash,
    cookie: &TokenHash,
    now_ms: u64,
) -> Result<Option<SsoAttempt>, StoreError> {
    Ok(meter::timed(
        sqlx::query_as!(
            SsoAttempt,
            "DELETE FROM sso_attempts
             WHERE state_hash = $1 AND cookie_hash = $2 AND expires_at > $3
             RETURNING provider, nonce, verifier, redirect_url, uia_session",
            state.as_slice(),
            cookie.as_slice(),
            db_ms(now_ms),
        )
        .fetch_optional(store.pool()),
    )
    .await?)
}

/// Whose account it is.
///
/// # Errors
/// The database's.
pub async fn find_user(store: &Store, id: ExternalId<'_>) -> Result<Option<String>, StoreError> {
    Ok(meter::timed(
        sqlx::query_scalar!(
            "SELECT user_id FROM external_ids WHERE provider = $1 AND subject = $2",
            id.provider,
            id.subject,
        )
        .fetch_optional(store.pool()),
    )
    .await?)
}

/// Gives somebody an account that is there. `false` if they have one already.
///
/// # Errors
/// The database's.
pub async fn link(
    store: &Store,
    id: ExternalId<'_>,
    user_id: &str,
    now_ms: u64,
) -> Result<bool, StoreError> {
    let mut tx = store.pool().begin().await?;
    let linked = give(&mut tx, id, user_id, now_ms).await?;
    meter::timed(tx.commit()).await?;
    Ok(linked)
}

/// As [`link`], within a transaction.
pub(super) async fn give(
    tx: &mut sqlx::PgTransaction<'_>,
    id: ExternalId<'_>,
    user_id: &str,
    now_ms: u64,
) -> Result<bool, StoreError> {
    let given = meter::timed(
        sqlx::query!(
            "INSERT INTO external_ids (provider, subject, user_id, linked_at)
             VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            id.provider,
            id.subject,
            user_id,
            db_ms(now_ms),
        )
        .execute(&mut **tx),
    )
    .await?;
    Ok(given.rows_affected() > 0)
}

/// How an account can be entered.
#[derive(Clone, Debug, Default)]
pub struct WaysIn {
    /// Whether it has a password.
    pub password: bool,
    /// Providers that know its owner.
    pub providers: Vec<String>,
}

/// How this account can be entered; nothing where there is none.
///
/// # Errors
/// The database's.
pub async fn ways_in(store: &Store, user_id: &str) -> Result<WaysIn, StoreError> {
    let row = meter::timed(
        sqlx::query!(
            r#"SELECT password_hash IS NOT NULL AS "password!",
                      ARRAY(SELECT DISTINCT provider FROM external_ids e
                            WHERE e.user_id = a.user_id LIMIT $2) AS "providers!"
               FROM accounts a WHERE user_id = $1"#,
            user_id,
            MAX_PROVIDERS,
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    Ok(row.map_or_else(WaysIn::default, |row| WaysIn {
        password: row.password,
        providers: row.providers,
    }))
}
