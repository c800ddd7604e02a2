//! Logging in. Specification: client-server API, "Login".

use causeway_store::StoreError;
use causeway_store::users::{accounts, one_time};
use ruma::api::client::uiaa::UserIdentifier;
use ruma::{OwnedUserId, UserId};

use crate::Users;
use crate::password::PasswordError;
use crate::secret::{Secret, TokenKind, hash_token, new_token, token_hash};
use crate::sessions::{DeviceWish, LoggedIn, SessionError};

/// How somebody shows who they are.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A name (localpart or whole id) and a password.
    Password {
        /// Whose.
        user: String,
        /// It.
        password: Secret,
    },
    /// A login token.
    Token(Secret),
}

/// Why a login failed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// This way of logging in is not offered.
    #[error("this login type is not offered")]
    NotOffered,
    /// Name and password do not go together, or the token is not valid.
    #[error("wrong user name, password or token")]
    Wrong,
    /// The account was closed.
    #[error("the account was deactivated")]
    Deactivated,
    /// The account is locked.
    #[error("the account is locked")]
    Locked,
    /// The password could not be verified.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The session could not begin.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Users {
    /// Logs somebody in on a device.
    ///
    /// # Errors
    /// [`LoginError`] says why not.
    pub async fn login(
        &self,
        credentials: Credentials,
        device: DeviceWish,
    ) -> Result<LoggedIn, LoginError> {
        let user_id = match credentials {
            Credentials::Password { user, password } => {
                if !self.settings().password_login {
                    return Err(LoginError::NotOffered);
                }
                self.check_password(&user, password).await?
            }
            Credentials::Token(token) => {
                if !self.offers_tokens() {
                    return Err(LoginError::NotOffered);
                }
                self.take_login_token(&token).await?
            }
        };
        Ok(self.begin_session(&user_id, device).await?)
    }

    /// The name in an identifier: a localpart or a whole id as it was written, or the id of the
    /// account that has the e-mail address.
    ///
    /// # Errors
    /// The database's.
    pub async fn name_in(&self, identifier: &UserIdentifier) -> Result<Option<String>, StoreError> {
        Ok(match identifier {
            UserIdentifier::Matrix(id) => Some(id.user.clone()),
            UserIdentifier::Email(id) => {
                let owner = self.owner_of_email(&id.address).await?;
                owner.map(|owner| owner.to_string())
            }
            _ => None,
        })
    }

    /// Whose name and password these are.
    pub(crate) async fn check_password(
        &self,
        name: &str,
        password: Secret,
    ) -> Result<OwnedUserId, LoginError> {
        let named = self.resolve(name);
        let mut account = match &named {
            Some(id) => accounts::find(self.store(), id.as_str()).await?,
            None => None,
        };
        let mut user_id = named;
        if account.is_none()
            && let Some(small) = self.resolve(&name.to_lowercase())
        {
            account = accounts::find(self.store(), small.as_str()).await?;
            user_id = Some(small);
        }
        if account
            .as_ref()
            .is_some_and(|account| account.is_deactivated)
        {
            return Err(LoginError::Deactivated);
        }
        let is_locked = account.as_ref().is_some_and(|account| account.is_locked);
        let stored = account.and_then(|account| account.password_hash);
        let matches = self.0.hasher.verify(password, stored).await?;
        match user_id.filter(|_| matches) {
            Some(_) if is_locked => Err(LoginError::Locked),
            user_id => user_id.ok_or(LoginError::Wrong),
        }
    }

    async fn take_login_token(&self, token: &Secret) -> Result<OwnedUserId, LoginError> {
        let hash = hash_token(token.expose()).ok_or(LoginError::Wrong)?;
        let user_id = one_time::take_login_token(self.store(), &hash, self.now_ms())
            .await?
            .ok_or(LoginError::Wrong)?;
        let account = accounts::find(self.store(), &user_id).await?;
        match account {
            None => return Err(LoginError::Deactivated),
            Some(account) if account.is_deactivated => return Err(LoginError::Deactivated),
            Some(account) if account.is_locked => return Err(LoginError::Locked),
            Some(_) => {}
        }
        UserId::parse(user_id.as_str()).map_err(|_| LoginError::Wrong)
    }

    /// A token with which its user can log in once on another device, and its life in
    /// milliseconds.
    ///
    /// # Errors
    /// [`LoginError::NotOffered`], or the database's.
    pub async fn create_login_token(&self, user_id: &UserId) -> Result<(Secret, u64), LoginError> {
        if !self.settings().token_login {
            return Err(LoginError::NotOffered);
        }
        Ok(self.new_login_token(user_id).await?)
    }

    /// Whether login tokens are taken: those that other sessions ask for, or those that logins by
    /// identity providers end with.
    pub fn offers_tokens(&self) -> bool {
        self.settings().token_login || !self.settings().sso_providers.is_empty()
    }

    pub(crate) async fn new_login_token(
        &self,
        user_id: &UserId,
    ) -> Result<(Secret, u64), StoreError> {
        let token = new_token(TokenKind::Login);
        let hash = token_hash(&token);
        let life = self.settings().login_token_lifetime_ms;
        let now_ms = self.now_ms();
        one_time::create_login_token(self.store(), &hash, user_id.as_str(), now_ms + life, now_ms)
            .await?;
        Ok((token, life))
    }
}
