//! User-interactive authentication in progress.

use serde_json::Value;

use super::db_ms;
use crate::{Store, StoreError, meter};

/// An authentication in progress.
#[derive(Clone, Debug)]
pub struct UiaSession {
    /// What the client names it by.
    pub session_id: String,
    /// Who is to be authenticated; none where that is not known yet (registration).
    pub user_id: Option<String>,
    /// What it is for; a session serves one purpose only.
    pub action: String,
    /// What the client asked for at first, for those that do not repeat it.
    pub request: Value,
    /// Stages that were passed.
    pub completed: Vec<String>,
    /// What stages proved, and the outcome.
    pub proofs: Value,
}

/// Keeps a new session until `expires_at`. Expired ones are swept out on the way.
///
/// # Errors
/// The database's.
pub async fn create(
    store: &Store,
    session: &UiaSession,
    expires_at: u64,
    now_ms: u64,
) -> Result<(), StoreError> {
    meter::timed(
        sqlx::query!(
            "WITH swept AS (DELETE FROM uia_sessions WHERE expires_at <= $8)
             INSERT INTO uia_sessions
               (session_id, user_id, action, request, completed, proofs, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            session.session_id,
            session.user_id,
            session.action,
            session.request,
            &session.completed,
            session.proofs,
            db_ms(expires_at),
            db_ms(now_ms),
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// The session of that id, unless it expired.
///
/// # Errors
/// The database's.
pub async fn find(
    store: &Store,
    session_id: &str,
    now_ms: u64,
) -> Result<Option<UiaSession>, StoreError> {
    Ok(meter::timed(
        sqlx::query_as!(
            UiaSession,
            "SELECT session_id, user_id, action, request, completed, proofs
             FROM uia_sessions WHERE session_id = $1 AND expires_at > $2",
            session_id,
            db_ms(now_ms),
        )
        .fetch_optional(store.pool()),
    )
    .await?)
}

/// Adds a stage that was passed, and what it proved (an object). Passing it again changes
/// nothing. Answers all stages passed so far, none if the session is gone.
///
/// # Errors
/// The database's.
pub async fn complete_stage(
    store: &Store,
    session_id: &str,
    stage: &str,
    proof: &Value,
) -> Result<Option<Vec<String>>, StoreError> {
    Ok(meter::timed(
        sqlx::query_scalar!(
            "UPDATE uia_sessions
             SET completed = CASE WHEN $2 = ANY(completed) THEN completed
                                  ELSE array_append(completed, $2) END,
                 proofs = proofs || $3
             WHERE session_id = $1 RETURNING completed",
            session_id,
            stage,
            proof,
        )
        .fetch_optional(store.pool()),
    )
    .await?)
}

/// Notes the outcome, so that a repeated request gets the same answer.
///
/// # Errors
/// The database's.
pub async fn set_outcome(
    store: &Store,
    session_id: &str,
    outcome: &Value,
) -> Result<(), StoreError> {
    meter::timed(
        sqlx::query!(
            "UPDATE uia_sessions SET proofs = proofs || $2 WHERE session_id = $1",
            session_id,
            outcome,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// Forgets a session whose purpose is served.
///
/// # Errors
/// The database's.
pub async fn delete(store: &Store, session_id: &str) -> Result<(), StoreError> {
    meter::timed(
        sqlx::query!("DELETE FROM uia_sessions WHERE session_id = $1", session_id)
            .execute(store.pool()),
    )
    .await?;
    Ok(())
}
