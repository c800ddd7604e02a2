//! Accounts as their owners and administrators change them.

use causeway_store::log::ProfileField;
use causeway_store::users::accounts::{self as store, Account};
use causeway_store::users::{emails, key_backups, profiles};
use causeway_store::{AppendError, Change, StoreError};
use futures::future::try_join_all;
use ruma::{DeviceId, OwnedUserId, UserId};

use crate::Users;
use crate::localpart::new_user_id;
use crate::password::{PasswordError, check_strength};
use crate::registration::{Opening, RegisterError};
use crate::secret::Secret;
use crate::sessions::SessionError;

/// Why an account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// There is no such open account.
    #[error("no such account")]
    NotFound,
    /// The password will not do.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Sessions could not end.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log failed.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl Users {
    /// Makes an account, as an administrator. `name` is a localpart.
    ///
    /// # Errors
    /// [`RegisterError`] says why not.
    pub async fn create(
        &self,
        name: &str,
        password: Secret,
        is_admin: bool,
    ) -> Result<OwnedUserId, RegisterError> {
        let user_id = new_user_id(name, self.server_name())?;
        check_strength(password.expose(), self.settings().min_password_length)?;
        let opening = Opening {
            user_id: Some(user_id),
            password_hash: Some(self.0.hasher.hash(password).await?),
            is_admin,
            ..Opening::default()
        };
        self.create_account(opening).await
    }

    /// Accounts in the order of their names, those after `after`; at most
    /// [`causeway_store::users::accounts::MAX_LISTED`]. Without their password hashes.
    ///
    /// # Errors
    /// The database's.
    pub async fn list(&self, after: Option<&str>, limit: u32) -> Result<Vec<Account>, StoreError> {
        store::list(self.store(), after, limit).await
    }

    /// Whether there is an account of that id, and it is open.
    ///
    /// # Errors
    /// The database's.
    pub async fn exists(&self, user_id: &UserId) -> Result<bool, StoreError> {
        let account = store::find(self.store(), user_id.as_str()).await?;
        Ok(account.is_some_and(|account| !account.is_deactivated))
    }

    /// Gives an account another password and ends all its sessions but that of `keep`; with
    /// `logout_others` false, no session ends.
    ///
    /// # Errors
    /// [`AccountError`] says why not.
    pub async fn set_password(
        &self,
        user_id: &UserId,
        password: Secret,
        logout_others: bool,
        keep: Option<&DeviceId>,
    ) -> Result<(), AccountError> {
        check_strength(password.expose(), self.settings().min_password_length)?;
        let hash = self.0.hasher.hash(password).await?;
        if !store::set_password(self.store(), user_id.as_str(), &hash).await? {
            return Err(AccountError::NotFound);
        }
        if logout_others {
            self.logout_others(user_id, keep).await?;
        }
        Ok(())
    }

    /// Gives an account another password, as an administrator; all its sessions end.
    ///
    /// # Errors
    /// [`AccountError`] says why not.
    pub async fn reset_password(
        &self,
        user_id: &UserId,
        password: Secret,
    ) -> Result<(), AccountError> {
        self.set_password(user_id, password, true, None).await
    }

    /// Closes an account for good: its sessions end, its pushers, its profile, its key backups and its
    /// e-mail addresses go, its name stays taken. Leaving its rooms is for the caller, who has them.
    ///
    /// # Errors
    /// [`AccountError::NotFound`] if it does not exist or was closed before.
    pub async fn deactivate(&self, user_id: &UserId, erase: bool) -> Result<(), AccountError> {
        let now_ms = self.now_ms();
        if !store::deactivate(self.store(), user_id.as_str(), erase, now_ms).await? {
            return Err(AccountError::NotFound);
        }
        self.logout_others(user_id, None).await?;
        emails::remove(self.store(), user_id.as_str(), None).await?;
        key_backups::delete_all(self.store(), user_id.as_str()).await?;
        let fields = profiles::load_all(self.store(), user_id.as_str()).await?;
        let changes = fields.into_iter().map(|(field, _)| {
            Change::Profile(ProfileField {
                user: user_id.to_owned(),
                field,
                value: None,
            })
        });
        try_join_all(changes.map(|change| self.log().append(change))).await?;
        Ok(())
    }
}
