//! Sessions: access tokens of devices, and the refresh tokens that continue them.

use super::{TokenHash, db_ms, from_db_ms, token_hash};
use crate::{Store, StoreError, meter};

/// A session to begin.
#[derive(Clone, Copy)]
pub struct NewSession<'a> {
    /// Whose.
    pub user_id: &'a str,
    /// On which device, which is made if it is new.
    pub device_id: &'a str,
    /// The name of a new device; one that exists keeps its own.
    pub device_name: Option<&'a str>,
    /// Of the access token.
    pub access_hash: TokenHash,
    /// When the access token stops working, in milliseconds.
    pub expires_at: Option<u64>,
    /// Of the refresh token.
    pub refresh_hash: Option<TokenHash>,
}

/// What beginning a session changed.
#[derive(Clone, Debug)]
pub struct Begun {
    /// Whether the device is new.
    pub device_is_new: bool,
    /// Tokens the device had until now, which no longer work.
    pub ended: Vec<TokenHash>,
}

/// A session that a token led to, with what one must know of its account.
#[derive(Clone, Debug)]
pub struct Found {
    /// The session's number.
    pub session_nid: i64,
    /// Whose.
    pub user_id: String,
    /// On which device.
    pub device_id: String,
    /// When the token stops working, in milliseconds.
    pub expires_at: Option<u64>,
    /// Whether a refresh token can continue it.
    pub can_refresh: bool,
    /// Whether it followed, by refresh, a session that is still there.
    pub follows: bool,
    /// A guest's account.
    pub is_guest: bool,
    /// An administrator's account.
    pub is_admin: bool,
    /// The account may read, but not take part.
    pub is_suspended: bool,
    /// The account cannot be used.
    pub is_locked: bool,
}

/// What a refresh token led to.
#[derive(Clone, Debug)]
pub enum Refreshed {
    /// No session has that token.
    Unknown,
    /// The account is locked; nothing changed.
    Locked,
    /// The session goes on; these access tokens ended by it.
    Continued(Vec<TokenHash>),
}

/// The tokens that continue a session.
#[derive(Clone, Copy)]
pub struct Successor {
    /// Of the new access token.
    pub access_hash: TokenHash,
    /// When it stops working, in milliseconds.
    pub expires_at: Option<u64>,
    /// Of the new refresh token.
    pub refresh_hash: TokenHash,
}

/// Begins a session on a device; any other session of that device ends.
///
/// # Errors
/// The database's.
pub async fn begin(
    store: &Store,
    session: NewSession<'_>,
    now_ms: u64,
) -> Result<Begun, StoreError> {
    let row = meter::timed(
        sqlx::query!(
            r#"WITH device AS (
                 INSERT INTO devices (user_id, device_id, display_name, created_at)
                 VALUES ($1, $2, $3, $4)
                 ON CONFLICT (user_id, device_id) DO UPDATE
                   SET display_name = coalesce(devices.display_name, EXCLUDED.display_name)
                 RETURNING xmax = 0 AS is_new
               ), ended AS (
                 DELETE FROM sessions WHERE user_id = $1 AND device_id = $2
                 RETURNING access_hash
               ), begun AS (
                 INSERT INTO sessions
                   (user_id, device_id, access_hash, expires_at, refresh_hash, created_at)
                 VALUES ($1, $2, $5, $6, $7, $4)
               )
               SELECT (SELECT is_new FROM device) AS "is_new!",
                      ARRAY(SELECT access_hash FROM ended) AS "ended!""#,
            session.user_id,
            session.device_id,
            session.device_name,
            db_ms(now_ms),
            session.access_hash.as_slice(),
            session.expires_at.map(db_ms),
            session.refresh_hash.as_ref().map(<[u8; 32]>::as_slice),
        )
        .fetch_one(store.pool()),
    )
    .await?;
    Ok(Begun {
        device_is_new: row.is_new,
        ended: row.ended.iter().map(|hash| token_hash(hash)).collect(),
    })
}

/// The session of an access token, expired or not.
///
/// # Errors
/// The database's.
pub async fn find(store: &Store, access_hash: &TokenHash) -> Result<Option<Found>, StoreError> {
    let row = meter::timed(
        sqlx::query!(
            r#"SELECT s.session_nid, s.user_id, s.device_id, s.expires_at,
                      s.refresh_hash IS NOT NULL AS "can_refresh!",
                      EXISTS (SELECT FROM sessions old WHERE old.replaced_by = s.session_nid)
                        AS "follows!",
                      a.kind, a.admin, a.suspended, a.locked
               FROM sessions s JOIN accounts a ON a.user_id = s.user_id
               WHERE s.access_hash = $1 AND a.deactivated_at IS NULL"#,
            access_hash.as_slice(),
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    Ok(row.map(|row| Found {
        session_nid: row.session_nid,
        user_id: row.user_id,
        device_id: row.device_id,
        expires_at: row.expires_at.map(from_db_ms),
        can_refresh: row.can_refresh,
        follows: row.follows,
        is_guest: row.kind == 1,
        is_admin: row.admin,
        is_suspended: row.suspended,
        is_locked: row.locked,
    }))
}

/// Ends the sessions that this one replaced, now that its token is in use. Answers their tokens.
///
/// # Errors
/// The database's.
pub async fn end_replaced(store: &Store, session_nid: i64) -> Result<Vec<TokenHash>, StoreError> {
    let rows = meter::timed(
        sqlx::query_scalar!(
            "DELETE FROM sessions WHERE replaced_by = $1 RETURNING access_hash",
            session_nid,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows.iter().map(|hash| token_hash(hash)).collect())
}

/// Continues the session of a refresh token with new tokens.
///
/// The session itself stays until its successor is first used: a client that lost the answer
/// may ask again, and then the successor it never used goes.
///
/// # Errors
/// The database's.
pub async fn refresh(
    store: &Store,
    refresh_hash: &TokenHash,
    successor: Successor,
    now_ms: u64,
) -> Result<Refreshed, StoreError> {
    let mut tx = store.pool().begin().await?;
    let old = meter::timed(
        sqlx::query!(
            "SELECT s.session_nid, s.user_id, s.device_id, s.replaced_by, a.locked
             FROM sessions s JOIN accounts a ON a.user_id = s.user_id
             WHERE s.refresh_hash = $1 AND a.deactivated_at IS NULL FOR UPDATE OF s",
            refresh_hash.as_slice(),
        )
        .fetch_optional(&mut *tx),
    )
    .await?;
    let Some(old) = old else {
        return Ok(Refreshed::Unknown);
    };
    if old.locked {
        return Ok(Refreshed::Locked);
    }
    let ended = meter::timed(
        sqlx::query_scalar!(
            "DELETE FROM sessions WHERE session_nid = $1 OR replaced_by = $2 RETURNING access_hash",
            old.replaced_by,
            old.session_nid,
        )
        .fetch_all(&mut *tx),
    )
    .await?;
    meter::timed(
        sqlx::query!(
            "WITH next AS (
               INSERT INTO sessions
                 (user_id, device_id, access_hash, expires_at, refresh_hash, created_at)
               VALUES ($1, $2, $3, $4, $5, $6) RETURNING session_nid
             )
             UPDATE sessions SET replaced_by = next.session_nid FROM next
             WHERE sessions.session_nid = $7",
            old.user_id,
            old.device_id,
            successor.access_hash.as_slice(),
            successor.expires_at.map(db_ms),
            successor.refresh_hash.as_slice(),
            db_ms(now_ms),
            old.session_nid,
        )
        .execute(&mut *tx),
    )
    .await?;
    meter::timed(tx.commit()).await?;
    let ended = ended.iter().map(|hash| token_hash(hash)).collect();
    Ok(Refreshed::Continued(ended))
}
