//! Suspending and locking accounts. Specification: client-server API, "Account moderation".

use causeway_store::StoreError;
use causeway_store::users::moderation::{self as store, Standing};
use ruma::UserId;

use crate::{Session, Users};

/// Why an administrator cannot do that to an account.
#[derive(Debug, thiserror::Error)]
pub enum ModerationError {
    /// Who asks is no administrator, or the account is their own or another administrator's.
    #[error("You may not do this to that account")]
    Forbidden,
    /// The account belongs to another server.
    #[error("The user does not belong to this server")]
    NotLocal,
    /// There is no such open account.
    #[error("There is no such account")]
    NotFound,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Users {
    /// How an account stands, for an administrator.
    ///
    /// # Errors
    /// [`ModerationError`] says why not. Who is no administrator learns nothing of accounts.
    pub async fn standing(
        &self,
        session: &Session,
        user_id: &UserId,
    ) -> Result<Standing, ModerationError> {
        if !session.is_admin {
            return Err(ModerationError::Forbidden);
        }
        if !self.is_local(user_id) {
            return Err(ModerationError::NotLocal);
        }
        let standing = store::find(self.store(), user_id.as_str()).await?;
        let standing = standing.ok_or(ModerationError::NotFound)?;
        if standing.is_admin && *user_id != session.user_id {
            return Err(ModerationError::Forbidden);
        }
        Ok(standing)
    }

    /// Suspends an account, or lets it take part again.
    ///
    /// # Errors
    /// [`ModerationError`] says why not.
    pub async fn set_suspended(
        &self,
        session: &Session,
        user_id: &UserId,
        is_suspended: bool,
    ) -> Result<(), ModerationError> {
        self.moderate(session, user_id, Some(is_suspended), None)
            .await
    }

    /// Locks an account, or opens it again. Its sessions stay, and work again when it is open.
    ///
    /// # Errors
    /// [`ModerationError`] says why not.
    pub async fn set_locked(
        &self,
        session: &Session,
        user_id: &UserId,
        is_locked: bool,
    ) -> Result<(), ModerationError> {
        self.moderate(session, user_id, None, Some(is_locked)).await
    }

    async fn moderate(
        &self,
        session: &Session,
        user_id: &UserId,
        is_suspended: Option<bool>,
        is_locked: Option<bool>,
    ) -> Result<(), ModerationError> {
        let standing = self.standing(session, user_id).await?;
        if standing.is_admin {
            return Err(ModerationError::Forbidden);
        }
        store::set(self.store(), user_id.as_str(), is_suspended, is_locked).await?;
        self.forget_sessions_of(user_id);
        Ok(())
    }
}
