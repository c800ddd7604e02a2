//! People whom identity providers know: on their way there and back, and the accounts that are
//! theirs. Specification: client-server API, "SSO client login/authentication".
//!
//! What a provider said has been checked before anything here is called.

use causeway_store::StoreError;
use causeway_store::users::accounts;
use causeway_store::users::external::{self as store, ExternalId, SsoAttempt, WaysIn};
use causeway_store::users::uia as uia_store;
use ruma::{OwnedUserId, UserId};
use serde_json::json;

use crate::Users;
use crate::localpart::{LocalpartError, new_user_id};
use crate::registration::{Opening, RegisterError};
use crate::secret::{Secret, TokenKind, hash_token, new_token, token_hash};
use crate::uia::Stage;

/// Longest address of a client, in bytes.
pub const MAX_REDIRECT_URL_BYTES: usize = 2_048;

/// What somebody goes to a provider for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// To log in: then their browser goes to this address of a client.
    Login(String),
    /// To pass a stage of this session of user-interactive authentication.
    Confirm(String),
}

/// Somebody who sets out for a provider.
#[derive(Clone, Debug)]
pub struct SetOut {
    /// What comes back with them.
    pub state: Secret,
    /// What stays in their browser.
    pub cookie: Secret,
    /// What the provider's token must hold.
    pub nonce: String,
    /// What proves to it who began.
    pub verifier: String,
}

/// Somebody who came back.
#[derive(Clone, Debug)]
pub struct CameBack {
    /// From which provider.
    pub provider: String,
    /// See [`SetOut`].
    pub nonce: String,
    /// See [`SetOut`].
    pub verifier: String,
    /// What for.
    pub errand: Errand,
}

/// Somebody whom a provider knows.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    /// The provider's id.
    pub provider: &'a str,
    /// What it calls them, for ever.
    pub subject: &'a str,
    /// The localpart of a new account.
    pub localpart: Option<&'a str>,
    /// Its display name.
    pub display_name: Option<&'a str>,
    /// Whether there may be a new account.
    pub creates_accounts: bool,
    /// Whether an account of that localpart is theirs.
    pub links_existing: bool,
}

/// Why somebody has no account whom a provider knows.
#[derive(Debug, thiserror::Error)]
pub enum SsoLoginError {
    /// Nobody knows who they are, and no accounts are made.
    #[error("nobody new is let in")]
    Closed,
    /// The provider does not say what they are called.
    #[error("the identity provider tells no user name")]
    NoName,
    /// It is no name for an account.
    #[error("{0}")]
    BadName(#[from] LocalpartError),
    /// Somebody else has it.
    #[error("the user name is taken")]
    Taken,
    /// The account was closed.
    #[error("the account was deactivated")]
    Deactivated,
    /// The account is locked.
    #[error("the account is locked")]
    Locked,
    /// They are somebody else than who is to confirm.
    #[error("somebody else was authenticated")]
    OtherUser,
    /// What was to be confirmed is not there any more.
    #[error("the authentication session is unknown or has expired")]
    NoSession,
    /// The account was not made.
    #[error(transparent)]
    Register(RegisterError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Users {
    /// Somebody sets out for `provider`.
    ///
    /// # Errors
    /// The database's.
    pub async fn set_out(&self, provider: &str, errand: Errand) -> Result<SetOut, StoreError> {
        let random = || new_token(TokenKind::Sso).expose().to_owned();
        let set_out = SetOut {
            state: new_token(TokenKind::Sso),
            cookie: new_token(TokenKind::Sso),
            nonce: random(),
            verifier: random(),
        };
        let (redirect_url, uia_session) = match errand {
            Errand::Login(url) => (Some(url), None),
            Errand::Confirm(session) => (None, Some(session)),
        };
        let attempt = SsoAttempt {
            provider: provider.to_owned(),
            nonce: set_out.nonce.clone(),
            verifier: set_out.verifier.clone(),
            redirect_url,
            uia_session,
        };
        let (state, cookie) = (token_hash(&set_out.state), token_hash(&set_out.cookie));
        let now_ms = self.now_ms();
        let end = now_ms + self.settings().sso_attempt_lifetime_ms;
        store::begin(self.store(), &state, &cookie, &attempt, end, now_ms).await?;
        Ok(set_out)
    }

    /// Somebody comes back with this state, and has this cookie. That happens once.
    ///
    /// # Errors
    /// The database's.
    pub async fn come_back(
        &self,
        state: &str,
        cookie: &str,
    ) -> Result<Option<CameBack>, StoreError> {
        let (Some(state), Some(cookie)) = (hash_token(state), hash_token(cookie)) else {
            return Ok(None);
        };
        let found = store::take(self.store(), &state, &cookie, self.now_ms()).await?;
        Ok(found.and_then(|found| {
            let errand = match (found.redirect_url, found.uia_session) {
                (Some(url), _) => Errand::Login(url),
                (None, session) => Errand::Confirm(session?),
            };
            Some(CameBack {
                provider: found.provider,
                nonce: found.nonce,
                verifier: found.verifier,
                errand,
            })
        }))
    }

    /// The account of somebody, made if there was none.
    ///
    /// # Errors
    /// [`SsoLoginError`] says why there is none.
    pub async fn account_of(&self, known: &Known<'_>) -> Result<OwnedUserId, SsoLoginError> {
        let id = ExternalId {
            provider: known.provider,
            subject: known.subject,
        };
        let user_id = match store::find_user(self.store(), id).await? {
            Some(user_id) => UserId::parse(user_id).map_err(|_| SsoLoginError::Deactivated)?,
            None => self.new_account_of(known, id).await?,
        };
        let account = accounts::find(self.store(), user_id.as_str()).await?;
        match account {
            Some(account) if account.is_locked => Err(SsoLoginError::Locked),
            Some(account) if !account.is_deactivated => Ok(user_id),
            _ => Err(SsoLoginError::Deactivated),
        }
    }

    async fn new_account_of(
        &self,
        known: &Known<'_>,
        id: ExternalId<'_>,
    ) -> Result<OwnedUserId, SsoLoginError> {
        let localpart = known.localpart.ok_or(SsoLoginError::NoName)?;
        let user_id = new_user_id(localpart, self.server_name())?;
        let existing = accounts::find(self.store(), user_id.as_str()).await?;
        if let Some(account) = existing {
            let is_theirs = known.links_existing && !account.is_guest && !account.is_deactivated;
            let now_ms = self.now_ms();
            if is_theirs && store::link(self.store(), id, user_id.as_str(), now_ms).await? {
                return Ok(user_id);
            }
            return self.same_or(id, SsoLoginError::Taken).await;
        }
        if !known.creates_accounts {
            return Err(SsoLoginError::Closed);
        }
        let opening = Opening {
            user_id: Some(user_id),
            external_id: Some(id),
            display_name: known.display_name,
            ..Opening::default()
        };
        match self.create_account(opening).await {
            Ok(user_id) => Ok(user_id),
            Err(RegisterError::Taken | RegisterError::OwnerHasOne) => {
                self.same_or(id, SsoLoginError::Taken).await
            }
            Err(error) => Err(SsoLoginError::Register(error)),
        }
    }

    /// Who came twice at the same time has an account now.
    async fn same_or(
        &self,
        id: ExternalId<'_>,
        otherwise: SsoLoginError,
    ) -> Result<OwnedUserId, SsoLoginError> {
        let found = store::find_user(self.store(), id).await?;
        found
            .and_then(|user_id| UserId::parse(user_id).ok())
            .ok_or(otherwise)
    }

    /// A token with which a client logs in as this user, once and soon.
    ///
    /// # Errors
    /// The database's.
    pub async fn sso_login_token(&self, user_id: &UserId) -> Result<Secret, StoreError> {
        Ok(self.new_login_token(user_id).await?.0)
    }

    /// How this user's account can be entered. Providers that are no longer offered are left out.
    ///
    /// # Errors
    /// The database's.
    pub async fn ways_in(&self, user_id: &UserId) -> Result<WaysIn, StoreError> {
        let offered = &self.settings().sso_providers;
        if offered.is_empty() {
            return Ok(WaysIn {
                password: true,
                providers: Vec::new(),
            });
        }
        let mut ways = store::ways_in(self.store(), user_id.as_str()).await?;
        ways.providers.retain(|provider| offered.contains(provider));
        Ok(ways)
    }

    /// Whose session of user-interactive authentication this is, and what for.
    ///
    /// # Errors
    /// The database's.
    pub async fn to_be_confirmed(
        &self,
        session: &str,
    ) -> Result<Option<(OwnedUserId, String)>, StoreError> {
        let found = uia_store::find(self.store(), session, self.now_ms()).await?;
        Ok(found.and_then(|found| {
            let user_id = UserId::parse(found.user_id?).ok()?;
            Some((user_id, found.action))
        }))
    }

    /// Passes the stage `m.login.sso` of a session: `user_id` is who a provider has just said it is.
    ///
    /// # Errors
    /// [`SsoLoginError::OtherUser`] and [`SsoLoginError::NoSession`].
    pub async fn confirm_by_sso(
        &self,
        session: &str,
        user_id: &UserId,
    ) -> Result<(), SsoLoginError> {
        let (owner, _) = self
            .to_be_confirmed(session)
            .await?
            .ok_or(SsoLoginError::NoSession)?;
        if owner != user_id {
            return Err(SsoLoginError::OtherUser);
        }
        let stage = Stage::Sso.name();
        let passed = uia_store::complete_stage(self.store(), session, stage, &json!({})).await?;
        passed.map(|_| ()).ok_or(SsoLoginError::NoSession)
    }
}
