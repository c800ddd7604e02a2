//! Accounts of this server.

use super::external::{self, ExternalId};
use super::{db_ms, emails, from_db_ms};
use crate::{Store, StoreError, meter};

/// Most accounts a page of the list holds.
pub const MAX_LISTED: u32 = 1_000;

/// An account as it stands.
#[derive(Clone, Debug)]
pub struct Account {
    /// `@localpart:server`
    pub user_id: String,
    /// Argon2id in PHC form; none if nobody can log in with a password.
    pub password_hash: Option<String>,
    /// Whether it is a guest's.
    pub is_guest: bool,
    /// Whether its owner administers the server.
    pub is_admin: bool,
    /// When it was made, in milliseconds.
    pub created_at: u64,
    /// Whether it was closed for good.
    pub is_deactivated: bool,
    /// Whether its owner asked to be forgotten.
    pub is_erased: bool,
    /// Whether it cannot be used for now.
    pub is_locked: bool,
}

/// What a new account begins with.
#[derive(Clone, Copy)]
pub struct NewAccount<'a> {
    /// `@localpart:server`
    pub user_id: &'a str,
    /// Argon2id in PHC form.
    pub password_hash: Option<&'a str>,
    /// A guest's account.
    pub is_guest: bool,
    /// An administrator's account.
    pub is_admin: bool,
    /// A token with limited uses that pays for it.
    pub registration_token: Option<&'a str>,
    /// An e-mail address that was proved.
    pub email: Option<NewEmail<'a>>,
    /// Its owner, as an identity provider knows them.
    pub external_id: Option<ExternalId<'a>>,
}

/// An e-mail address that an account gets with its making.
#[derive(Clone, Copy)]
pub struct NewEmail<'a> {
    /// The address, in small letters.
    pub address: &'a str,
    /// When it was proved, in milliseconds.
    pub validated_at: u64,
}

/// What became of an attempt to make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// It exists now.
    Created,
    /// The name was given before, perhaps to an account that is closed.
    Taken,
    /// The registration token has no uses left; nothing was made.
    TokenSpent,
    /// Another account has the e-mail address; nothing was made.
    EmailTaken,
    /// Who is known to the identity provider has an account already; nothing was made.
    OwnerHasOne,
}

/// Makes an account and, in the same transaction, takes one use of its registration token.
///
/// # Errors
/// The database's.
pub async fn create(
    store: &Store,
    account: NewAccount<'_>,
    now_ms: u64,
) -> Result<Creation, StoreError> {
    let mut tx = store.pool().begin().await?;
    if !pay(&mut tx, account.registration_token, now_ms).await? {
        return Ok(Creation::TokenSpent);
    }
    let made = meter::timed(
        sqlx::query!(
            "INSERT INTO accounts (user_id, password_hash, kind, admin, created_at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            account.user_id,
            account.password_hash,
            i16::from(account.is_guest),
            account.is_admin,
            db_ms(now_ms),
        )
        .execute(&mut *tx),
    )
    .await?;
    if made.rows_affected() == 0 {
        return Ok(Creation::Taken);
    }
    if !furnish(&mut tx, account.user_id, account.email, now_ms).await? {
        return Ok(Creation::EmailTaken);
    }
    if let Some(id) = account.external_id
        && !external::give(&mut tx, id, account.user_id, now_ms).await?
    {
        return Ok(Creation::OwnerHasOne);
    }
    meter::timed(tx.commit()).await?;
    Ok(Creation::Created)
}

/// A guest's account that is to become a full one.
#[derive(Clone, Copy)]
pub struct GuestUpgrade<'a> {
    /// `@localpart:server`
    pub user_id: &'a str,
    /// Argon2id in PHC form.
    pub password_hash: &'a str,
    /// A token with limited uses that pays for it.
    pub registration_token: Option<&'a str>,
    /// An e-mail address that was proved.
    pub email: Option<NewEmail<'a>>,
}

/// Makes a guest's account a full one and, in the same transaction, takes one use of the
/// registration token. [`Creation::Taken`] if it is no open account of a guest.
///
/// # Errors
/// The database's.
pub async fn upgrade_guest(
    store: &Store,
    upgrade: GuestUpgrade<'_>,
    now_ms: u64,
) -> Result<Creation, StoreError> {
    let mut tx = store.pool().begin().await?;
    if !pay(&mut tx, upgrade.registration_token, now_ms).await? {
        return Ok(Creation::TokenSpent);
    }
    let changed = meter::timed(
        sqlx::query!(
            "UPDATE accounts SET kind = 0, password_hash = $2
             WHERE user_id = $1 AND kind = 1 AND deactivated_at IS NULL",
            upgrade.user_id,
            upgrade.password_hash,
        )
        .execute(&mut *tx),
    )
    .await?;
    if changed.rows_affected() == 0 {
        return Ok(Creation::Taken);
    }
    if !furnish(&mut tx, upgrade.user_id, upgrade.email, now_ms).await? {
        return Ok(Creation::EmailTaken);
    }
    meter::timed(tx.commit()).await?;
    Ok(Creation::Created)
}

/// Gives a new account its e-mail address, if it is to have one; `false` if another account has it.
async fn furnish(
    tx: &mut sqlx::PgTransaction<'_>,
    user_id: &str,
    email: Option<NewEmail<'_>>,
    now_ms: u64,
) -> Result<bool, StoreError> {
    match email {
        Some(email) => emails::give(tx, user_id, email.address, email.validated_at, now_ms).await,
        None => Ok(true),
    }
}

/// Takes one use of a registration token, if there is one to be paid with; `false` if it has none
/// left.
async fn pay(
    tx: &mut sqlx::PgTransaction<'_>,
    token: Option<&str>,
    now_ms: u64,
) -> Result<bool, StoreError> {
    let Some(token) = token else {
        return Ok(true);
    };
    let paid = meter::timed(
        sqlx::query!(
            "UPDATE registration_tokens SET completed = completed + 1
             WHERE token = $1 AND (uses_allowed IS NULL OR completed < uses_allowed)
               AND (expires_at IS NULL OR expires_at > $2)",
            token,
            db_ms(now_ms),
        )
        .execute(&mut **tx),
    )
    .await?;
    Ok(paid.rows_affected() > 0)
}

/// The account of that name, closed ones included.
///
/// # Errors
/// The database's.
pub async fn find(store: &Store, user_id: &str) -> Result<Option<Account>, StoreError> {
    let row = meter::timed(
        sqlx::query!(
            r#"SELECT user_id, password_hash, kind, admin, created_at,
                      deactivated_at IS NOT NULL AS "deactivated!", erased, locked
               FROM accounts WHERE user_id = $1"#,
            user_id,
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    Ok(row.map(|row| Account {
        user_id: row.user_id,
        password_hash: row.password_hash,
        is_guest: row.kind == 1,
        is_admin: row.admin,
        created_at: from_db_ms(row.created_at),
        is_deactivated: row.deactivated,
        is_erased: row.erased,
        is_locked: row.locked,
    }))
}

/// Accounts in the order of their names, those after `after`, at most [`MAX_LISTED`].
///
/// # Errors
/// The database's.
pub async fn list(
    store: &Store,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<Account>, StoreError> {
    let rows = meter::timed(
        sqlx::query!(
            r#"SELECT user_id, kind, admin, created_at,
                      deactivated_at IS NOT NULL AS "deactivated!", erased, locked
               FROM accounts WHERE user_id > $1 ORDER BY user_id LIMIT $2"#,
            after.unwrap_or_default(),
            i64::from(limit.min(MAX_LISTED)),
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let accounts = rows.into_iter().map(|row| Account {
        user_id: row.user_id,
        password_hash: None,
        is_guest: row.kind == 1,
        is_admin: row.admin,
        created_at: from_db_ms(row.created_at),
        is_deactivated: row.deactivated,
        is_erased: row.erased,
        is_locked: row.locked,
    });
    Ok(accounts.collect())
}

/// Sets the password. Answers whether there is such an open account.
///
/// # Errors
/// The database's.
pub async fn set_password(
    store: &Store,
    user_id: &str,
    password_hash: &str,
) -> Result<bool, StoreError> {
    let done = meter::timed(
        sqlx::query!(
            "UPDATE accounts SET password_hash = $2 WHERE user_id = $1 AND deactivated_at IS NULL",
            user_id,
            password_hash,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Makes an account an administrator's, or takes that away. Answers whether it exists.
///
/// # Errors
/// The database's.
pub async fn set_admin(store: &Store, user_id: &str, is_admin: bool) -> Result<bool, StoreError> {
    let done = meter::timed(
        sqlx::query!(
            "UPDATE accounts SET admin = $2 WHERE user_id = $1",
            user_id,
            is_admin
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Closes an account for good: no password, no administrator. Its name stays taken.
/// Answers whether it was open until now.
///
/// # Errors
/// The database's.
pub async fn deactivate(
    store: &Store,
    user_id: &str,
    erase: bool,
    now_ms: u64,
) -> Result<bool, StoreError> {
    let was_open = meter::timed(
        sqlx::query_scalar!(
            r#"UPDATE accounts new
               SET deactivated_at = coalesce(new.deactivated_at, $3), password_hash = NULL,
                   admin = false, erased = new.erased OR $2
               FROM accounts old
               WHERE new.user_id = $1 AND old.user_id = $1
               RETURNING old.deactivated_at IS NULL AS "was_open!""#,
            user_id,
            erase,
            db_ms(now_ms),
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    Ok(was_open.unwrap_or(false))
}

/// Which of these are open accounts of this server.
///
/// # Errors
/// The database's.
pub async fn existing(store: &Store, user_ids: &[String]) -> Result<Vec<String>, StoreError> {
    Ok(meter::timed(
        sqlx::query_scalar!(
            "SELECT user_id FROM accounts WHERE user_id = ANY($1) AND deactivated_at IS NULL",
            user_ids,
        )
        .fetch_all(store.pool()),
    )
    .await?)
}
