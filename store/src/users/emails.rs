//! E-mail addresses: those that somebody is proving to read, and those of accounts.

use super::{TokenHash, db_ms, from_db_ms};
use crate::{Store, StoreError, meter};

/// Addresses of one account at most.
pub const MAX_PER_ACCOUNT: i64 = 20;

/// Wrong tokens that a session takes between two letters.
pub const MAX_FAILURES: i16 = 20;

/// Letters to one address within [`LETTERS_WINDOW_MS`].
pub const MAX_LETTERS: i32 = 20;

/// The time for [`MAX_LETTERS`], in milliseconds.
pub const LETTERS_WINDOW_MS: u64 = 24 * 3_600_000;

/// Somebody wants to prove that they read what comes to an address.
#[derive(Clone, Debug)]
pub struct NewEmailSession<'a> {
    /// The session's id, if it is a new one.
    pub sid: &'a str,
    /// What the client knows it by, besides.
    pub client_secret: &'a str,
    /// The address.
    pub address: &'a str,
    /// What it is proved for.
    pub purpose: i16,
    /// A letter is only sent again with a larger number.
    pub send_attempt: i64,
    /// Hash of what stands in the letter's link.
    pub token_hash: TokenHash,
    /// Where the reader of the letter goes on.
    pub next_link: Option<&'a str>,
    /// When it ends, in milliseconds.
    pub expires_at: u64,
}

/// What became of a wish to prove an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// A letter is to be sent for the session of this id.
    Send(String),
    /// It was sent before.
    SentBefore(String),
    /// The address got as many letters as it may; the next can be sent at this time (milliseconds).
    TooMany(u64),
}

/// An address that was proved, or is being proved.
#[derive(Clone, Debug)]
pub struct EmailSession {
    /// The address.
    pub address: String,
    /// What it is proved for.
    pub purpose: i16,
    /// When it was proved, in milliseconds.
    pub validated_at: Option<u64>,
}

/// Begins a session, or goes on with the one of the same secret, address and purpose, and counts the
/// letter. What expired is swept out on the way.
///
/// # Errors
/// The database's.
pub async fn begin(
    store: &Store,
    new: NewEmailSession<'_>,
    now_ms: u64,
) -> Result<Begun, StoreError> {
    let mut tx = store.pool().begin().await?;
    let now = db_ms(now_ms);
    meter::timed(
        sqlx::query!("DELETE FROM email_sessions WHERE expires_at <= $1", now).execute(&mut *tx),
    )
    .await?;
    let to_send = meter::timed(
        sqlx::query_scalar!(
            "INSERT INTO email_sessions
               (sid, client_secret, address, purpose, send_attempt, token_hash, next_link, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (client_secret, address, purpose) DO UPDATE
               SET send_attempt = excluded.send_attempt, token_hash = excluded.token_hash,
                   next_link = excluded.next_link, expires_at = excluded.expires_at, failures = 0
               WHERE email_sessions.send_attempt < excluded.send_attempt
             RETURNING sid",
            new.sid,
            new.client_secret,
            new.address,
            new.purpose,
            new.send_attempt,
            &new.token_hash[..],
            new.next_link,
            db_ms(new.expires_at),
        )
        .fetch_optional(&mut *tx),
    )
    .await?;
    let Some(sid) = to_send else {
        let sid = meter::timed(
            sqlx::query_scalar!(
                "SELECT sid FROM email_sessions
                 WHERE client_secret = $1 AND address = $2 AND purpose = $3",
                new.client_secret,
                new.address,
                new.purpose,
            )
            .fetch_one(&mut *tx),
        )
        .await?;
        meter::timed(tx.commit()).await?;
        return Ok(Begun::SentBefore(sid));
    };
    if let Some(until) = count_letter(&mut tx, new.address, now_ms).await? {
        // Nothing of it is kept.
        return Ok(Begun::TooMany(until));
    }
    meter::timed(tx.commit()).await?;
    Ok(Begun::Send(sid))
}

/// Counts a letter to an address; if it may get none now, gives when it may.
async fn count_letter(
    tx: &mut sqlx::PgTransaction<'_>,
    address: &str,
    now_ms: u64,
) -> Result<Option<u64>, StoreError> {
    let old = db_ms(now_ms.saturating_sub(LETTERS_WINDOW_MS));
    meter::timed(
        sqlx::query!("DELETE FROM email_letters WHERE since <= $1", old).execute(&mut **tx),
    )
    .await?;
    let counted = meter::timed(
        sqlx::query!(
            "INSERT INTO email_letters (address, since, letters) VALUES ($1, $2, 1)
             ON CONFLICT (address) DO UPDATE SET letters = email_letters.letters + 1
             RETURNING letters, since",
            address,
            db_ms(now_ms),
        )
        .fetch_one(&mut **tx),
    )
    .await?;
    let until = from_db_ms(counted.since) + LETTERS_WINDOW_MS;
    Ok((counted.letters > MAX_LETTERS).then_some(until))
}

/// Takes back that a letter was sent, so that the same attempt may send it again.
///
/// # Errors
/// The database's.
pub async fn unsend(store: &Store, sid: &str, send_attempt: i64) -> Result<(), StoreError> {
    meter::timed(
        sqlx::query!(
            "UPDATE email_sessions SET send_attempt = -1 WHERE sid = $1 AND send_attempt = $2",
            sid,
            send_attempt,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// What a link leads to.
#[derive(Clone, Debug)]
pub struct Linked {
    /// The address.
    pub address: String,
    /// What it is proved for.
    pub purpose: i16,
    /// Where the reader of the letter goes on.
    pub next_link: Option<String>,
}

/// Looks whether a token is that of the session's newest letter, and with `validate` takes note that
/// somebody followed its link. `None` if it is not, or after [`MAX_FAILURES`].
///
/// # Errors
/// The database's.
pub async fn follow(
    store: &Store,
    sid: &str,
    token_hash: &TokenHash,
    validate: bool,
    now_ms: u64,
) -> Result<Option<Linked>, StoreError> {
    let row = meter::timed(
        sqlx::query!(
            r#"UPDATE email_sessions SET
                 failures = failures + CASE WHEN token_hash = $2 THEN 0 ELSE 1 END,
                 validated_at = CASE WHEN token_hash = $2 AND $3 THEN COALESCE(validated_at, $4)
                                     ELSE validated_at END
               WHERE sid = $1 AND expires_at > $4 AND failures < $5
               RETURNING token_hash = $2 AS "matches!", address, purpose, next_link"#,
            sid,
            &token_hash[..],
            validate,
            db_ms(now_ms),
            MAX_FAILURES,
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    Ok(row.filter(|row| row.matches).map(|row| Linked {
        address: row.address,
        purpose: row.purpose,
        next_link: row.next_link,
    }))
}

/// The session of that id and secret, unless it expired.
///
/// # Errors
/// The database's.
pub async fn find_session(
    store: &Store,
    sid: &str,
    client_secret: &str,
    now_ms: u64,
) -> Result<Option<EmailSession>, StoreError> {
    let row = meter::timed(
        sqlx::query!(
            "SELECT address, purpose, validated_at FROM email_sessions
             WHERE sid = $1 AND client_secret = $2 AND expires_at > $3",
            sid,
            client_secret,
            db_ms(now_ms),
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    Ok(row.map(|row| EmailSession {
        address: row.address,
        purpose: row.purpose,
        validated_at: row.validated_at.map(from_db_ms),
    }))
}

/// Forgets a session that has served. Answers whether it was still there.
///
/// # Errors
/// The database's.
pub async fn forget_session(store: &Store, sid: &str) -> Result<bool, StoreError> {
    let done = meter::timed(
        sqlx::query!("DELETE FROM email_sessions WHERE sid = $1", sid).execute(store.pool()),
    )
    .await?;
    Ok(done.rows_affected() > 0)
}

/// An address of an account.
#[derive(Clone, Debug)]
pub struct AccountEmail {
    /// The address.
    pub address: String,
    /// When it was proved, in milliseconds.
    pub validated_at: u64,
    /// When it became one of the account, in milliseconds.
    pub added_at: u64,
}

/// The addresses of an account.
///
/// # Errors
/// The database's.
pub async fn list(store: &Store, user_id: &str) -> Result<Vec<AccountEmail>, StoreError> {
    let rows = meter::timed(
        sqlx::query!(
            "SELECT address, validated_at, added_at FROM account_emails
             WHERE user_id = $1 ORDER BY added_at, address LIMIT $2",
            user_id,
            MAX_PER_ACCOUNT,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let emails = rows.into_iter().map(|row| AccountEmail {
        address: row.address,
        validated_at: from_db_ms(row.validated_at),
        added_at: from_db_ms(row.added_at),
    });
    Ok(emails.collect())
}

/// Whose address it is.
///
/// # Errors
/// The database's.
pub async fn find_owner(store: &Store, address: &str) -> Result<Option<String>, StoreError> {
    Ok(meter::timed(
        sqlx::query_scalar!(
            "SELECT user_id FROM account_emails WHERE address = $1",
            address
        )
        .fetch_optional(store.pool()),
    )
    .await?)
}

/// What became of an attempt to give an account an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addition {
    /// It has it now.
    Added,
    /// Another account has it.
    Taken,
    /// The account has [`MAX_PER_ACCOUNT`], or is closed.
    NoRoom,
}

/// Gives an account an address.
///
/// # Errors
/// The database's.
pub async fn add(
    store: &Store,
    user_id: &str,
    address: &str,
    validated_at: u64,
    now_ms: u64,
) -> Result<Addition, StoreError> {
    let mut tx = store.pool().begin().await?;
    // The account's row orders additions and the account's end.
    let room = meter::timed(
        sqlx::query_scalar!(
            "SELECT 1 AS one FROM accounts WHERE user_id = $1 AND deactivated_at IS NULL FOR UPDATE",
            user_id,
        )
        .fetch_optional(&mut *tx),
    )
    .await?;
    let others = meter::timed(
        sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM account_emails WHERE user_id = $1 AND address <> $2"#,
            user_id,
            address,
        )
        .fetch_one(&mut *tx),
    )
    .await?;
    if room.is_none() || others >= MAX_PER_ACCOUNT {
        return Ok(Addition::NoRoom);
    }
    if !give(&mut tx, user_id, address, validated_at, now_ms).await? {
        return Ok(Addition::Taken);
    }
    meter::timed(tx.commit()).await?;
    Ok(Addition::Added)
}

/// Writes that an address is an account's; `false` if it is another one's.
pub(super) async fn give(
    tx: &mut sqlx::PgTransaction<'_>,
    user_id: &str,
    address: &str,
    validated_at: u64,
    now_ms: u64,
) -> Result<bool, StoreError> {
    let done = meter::timed(
        sqlx::query!(
            "INSERT INTO account_emails (address, user_id, validated_at, added_at)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (address) DO UPDATE SET validated_at = excluded.validated_at
               WHERE account_emails.user_id = excluded.user_id",
            address,
            user_id,
            db_ms(validated_at),
            db_ms(now_ms),
        )
        .execute(&mut **tx),
    )
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Takes addresses away from an account: one, or all. Gives how many.
///
/// # Errors
/// The database's.
pub async fn remove(
    store: &Store,
    user_id: &str,
    address: Option<&str>,
) -> Result<u64, StoreError> {
    let done = meter::timed(
        sqlx::query!(
            "DELETE FROM account_emails WHERE user_id = $1 AND ($2::text IS NULL OR address = $2)",
            user_id,
            address,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(done.rows_affected())
}
