//! Accounts that administrators have suspended or locked.

use crate::{Store, StoreError, meter};

/// What administrators have done to an open account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// It may read, but not take part.
    pub is_suspended: bool,
    /// It cannot be used.
    pub is_locked: bool,
    /// It is an administrator's, and safe from the two above.
    pub is_admin: bool,
}

/// How an open account stands.
///
/// # Errors
/// The database's.
pub async fn find(store: &Store, user_id: &str) -> Result<Option<Standing>, StoreError> {
    Ok(meter::timed(
        sqlx::query_as!(
            Standing,
            r#"SELECT suspended AS is_suspended, locked AS is_locked, admin AS is_admin
               FROM accounts WHERE user_id = $1 AND deactivated_at IS NULL"#,
            user_id,
        )
        .fetch_optional(store.pool()),
    )
    .await?)
}

/// Changes how an open account stands, where a value is given. An administrator's account stays as
/// it is.
///
/// # Errors
/// The database's.
pub async fn set(
    store: &Store,
    user_id: &str,
    is_suspended: Option<bool>,
    is_locked: Option<bool>,
) -> Result<(), StoreError> {
    meter::timed(
        sqlx::query!(
            "UPDATE accounts SET suspended = coalesce($2, suspended), locked = coalesce($3, locked)
             WHERE user_id = $1 AND deactivated_at IS NULL AND NOT admin",
            user_id,
            is_suspended,
            is_locked,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}
