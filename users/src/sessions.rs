//! Sessions: an access token leads to one, a refresh token continues it, a logout ends it.
//! Specification: client-server API, "Client Authentication" and "Soft logout".

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use causeway_store::log::Which;
use causeway_store::users::TokenHash;
use causeway_store::users::devices;
use causeway_store::users::sessions::{self, Found, NewSession, Refreshed, Successor};
use causeway_store::{AppendError, Change, StoreError};
use quick_cache::sync::Cache;
use ruma::{DeviceId, OwnedDeviceId, OwnedUserId, UserId};

use crate::Users;
use crate::secret::{Secret, TokenKind, hash_token, new_device_id, new_token};
pub use crate::seen::Caller;
use crate::seen::SEEN_EVERY_MS;

/// Most sessions in memory, each of about 300 bytes.
const MAX_CACHED: usize = 100_000;

/// A cached session is looked up again after this time, in milliseconds: the longest that a
/// token which ended on another node can still work here.
const TRUST_CACHE_MS: u64 = 300_000;

/// Longest device id a client may choose, in bytes.
pub const MAX_DEVICE_ID_BYTES: usize = 512;

/// Longest name of a device, in bytes.
pub const MAX_DEVICE_NAME_BYTES: usize = 1_024;

/// Who speaks: a user of this server, proved by an access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The user.
    pub user_id: OwnedUserId,
    /// The device the token was made for.
    pub device_id: OwnedDeviceId,
    /// A guest's account.
    pub is_guest: bool,
    /// An administrator's account.
    pub is_admin: bool,
    /// The account may read, but not take part.
    pub is_suspended: bool,
    /// The account cannot be used but for logging out.
    pub is_locked: bool,
}

/// Why an access token is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It is not known, or its session has ended.
    #[error("unknown access token")]
    Unknown,
    /// It has expired; a refresh or another login continues the device (soft logout).
    #[error("expired access token")]
    Expired,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a session could not begin, continue or end.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// A refresh token is not known.
    #[error("unknown refresh token")]
    UnknownRefreshToken,
    /// The account is locked.
    #[error("the account is locked")]
    Locked,
    /// A device's id or name is too long or empty.
    #[error("the device id is empty, or device id or name is too long")]
    BadDevice,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log failed.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// What a client wants of its device when it logs in.
#[derive(Clone, Debug, Default)]
pub struct DeviceWish {
    /// An id; a new one is made up without it.
    pub device_id: Option<OwnedDeviceId>,
    /// The name of a device that is new.
    pub display_name: Option<String>,
    /// Whether the client can use refresh tokens.
    pub refresh_token: bool,
}

/// The tokens of a session, for the client's eyes only.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// For each request.
    pub access: Secret,
    /// To continue the session.
    pub refresh: Option<Secret>,
    /// Life of the access token in milliseconds; none if it does not expire.
    pub expires_in_ms: Option<u64>,
}

/// A login that succeeded.
#[derive(Clone, Debug)]
pub struct LoggedIn {
    /// The user.
    pub user_id: OwnedUserId,
    /// The device.
    pub device_id: OwnedDeviceId,
    /// Its tokens.
    pub tokens: Tokens,
}

struct Cached {
    session: Session,
    expires_at: Option<u64>,
    trusted_until: u64,
    seen_at: AtomicU64,
}

pub(crate) struct SessionCache(Cache<TokenHash, Arc<Cached>>);

impl SessionCache {
    pub(crate) fn new() -> Self {
        Self(Cache::new(MAX_CACHED))
    }

    fn forget(&self, hashes: &[TokenHash]) {
        for hash in hashes {
            self.0.remove(hash);
        }
    }
}

impl Users {
    /// The session of an access token, and notes that its device was seen.
    ///
    /// # Errors
    /// [`TokenError::Unknown`] or [`TokenError::Expired`] if it has none.
    pub async fn authenticate(
        &self,
        token: &str,
        caller: Caller<'_>,
    ) -> Result<Session, TokenError> {
        let now_ms = self.now_ms();
        let cached = self.cached_session(token, now_ms).await?;
        let seen_at = cached.seen_at.load(Ordering::Relaxed);
        if now_ms >= seen_at.saturating_add(SEEN_EVERY_MS) {
            cached.seen_at.store(now_ms, Ordering::Relaxed);
            self.0.seen.note(
                &cached.session.user_id,
                &cached.session.device_id,
                caller,
                now_ms,
            );
        }
        Ok(cached.session.clone())
    }

    /// The session of an access token that stands in a body; its device is not seen by that.
    pub(crate) async fn session_of(&self, token: &str) -> Result<Session, TokenError> {
        let cached = self.cached_session(token, self.now_ms()).await?;
        Ok(cached.session.clone())
    }

    async fn cached_session(&self, token: &str, now_ms: u64) -> Result<Arc<Cached>, TokenError> {
        let hash = hash_token(token).ok_or(TokenError::Unknown)?;
        let cached = match self.0.sessions.0.get(&hash) {
            Some(cached) if cached.trusted_until > now_ms => cached,
            _ => self.look_up(hash, now_ms).await?,
        };
        if cached.expires_at.is_some_and(|at| at <= now_ms) {
            return Err(TokenError::Expired);
        }
        Ok(cached)
    }

    async fn look_up(&self, hash: TokenHash, now_ms: u64) -> Result<Arc<Cached>, TokenError> {
        let Some(found) = sessions::find(self.store(), &hash).await? else {
            self.0.sessions.0.remove(&hash);
            return Err(TokenError::Unknown);
        };
        if found.expires_at.is_some_and(|at| at <= now_ms) {
            return Err(if found.can_refresh {
                TokenError::Expired
            } else {
                TokenError::Unknown
            });
        }
        if found.follows {
            // The client has its new token, so the one before it must not work any longer.
            let ended = sessions::end_replaced(self.store(), found.session_nid).await?;
            self.0.sessions.forget(&ended);
        }
        let cached = Arc::new(cached(&found, now_ms)?);
        self.0.sessions.0.insert(hash, Arc::clone(&cached));
        Ok(cached)
    }

    /// Begins a session on a device of `user_id`, who has been authenticated. What was there of
    /// an earlier session of the same device ends.
    ///
    /// # Errors
    /// [`SessionError::BadDevice`], or those of database and log.
    pub async fn begin_session(
        &self,
        user_id: &UserId,
        wish: DeviceWish,
    ) -> Result<LoggedIn, SessionError> {
        check_device(&wish)?;
        let device_id = wish.device_id.unwrap_or_else(|| new_device_id().into());
        let (tokens, hashes) = self.new_tokens(wish.refresh_token);
        let now_ms = self.now_ms();
        let session = NewSession {
            user_id: user_id.as_str(),
            device_id: device_id.as_str(),
            device_name: wish.display_name.as_deref(),
            access_hash: hashes.0,
            expires_at: tokens.expires_in_ms.map(|life| now_ms + life),
            refresh_hash: hashes.1,
        };
        let begun = sessions::begin(self.store(), session, now_ms).await?;
        self.0.sessions.forget(&begun.ended);
        if begun.device_is_new {
            let change = Change::DeviceList(user_id.to_owned());
            self.log().append(change).await?;
        }
        Ok(LoggedIn {
            user_id: user_id.to_owned(),
            device_id,
            tokens,
        })
    }

    /// Continues the session of a refresh token.
    ///
    /// # Errors
    /// [`SessionError::UnknownRefreshToken`], [`SessionError::Locked`], or the database's.
    pub async fn refresh(&self, refresh_token: &str) -> Result<Tokens, SessionError> {
        let old = hash_token(refresh_token).ok_or(SessionError::UnknownRefreshToken)?;
        let (tokens, hashes) = self.new_tokens(true);
        let now_ms = self.now_ms();
        let successor = Successor {
            access_hash: hashes.0,
            expires_at: tokens.expires_in_ms.map(|life| now_ms + life),
            refresh_hash: hashes.1.ok_or(SessionError::UnknownRefreshToken)?,
        };
        match sessions::refresh(self.store(), &old, successor, now_ms).await? {
            Refreshed::Unknown => Err(SessionError::UnknownRefreshToken),
            Refreshed::Locked => Err(SessionError::Locked),
            Refreshed::Continued(ended) => {
                self.0.sessions.forget(&ended);
                Ok(tokens)
            }
        }
    }

    fn new_tokens(&self, can_refresh: bool) -> (Tokens, (TokenHash, Option<TokenHash>)) {
        let access = new_token(TokenKind::Access);
        let refresh = can_refresh.then(|| new_token(TokenKind::Refresh));
        // Tokens made here are never too long to be hashed.
        let hash = |token: &Secret| hash_token(token.expose()).unwrap_or_default();
        let hashes = (hash(&access), refresh.as_ref().map(hash));
        let expires_in_ms = can_refresh.then_some(self.settings().access_token_lifetime_ms);
        (
            Tokens {
                access,
                refresh,
                expires_in_ms,
            },
            hashes,
        )
    }

    /// Ends the session of a device, and with it the device.
    ///
    /// # Errors
    /// Those of database and log.
    pub async fn logout(&self, user_id: &UserId, device_id: &DeviceId) -> Result<(), SessionError> {
        self.end_devices(user_id, &[device_id.to_string()]).await
    }

    /// Ends all sessions of a user but that of the device `keep`, and with them the devices.
    ///
    /// # Errors
    /// Those of database and log.
    pub async fn logout_others(
        &self,
        user_id: &UserId,
        keep: Option<&DeviceId>,
    ) -> Result<(), SessionError> {
        self.end(user_id, Which::AllBut(keep.map(ToOwned::to_owned)))
            .await
    }

    /// Ends devices; those that do not exist are passed over.
    pub(crate) async fn end_devices(
        &self,
        user_id: &UserId,
        device_ids: &[String],
    ) -> Result<(), SessionError> {
        let existing = devices::existing(self.store(), user_id.as_str(), device_ids).await?;
        if existing.is_empty() {
            return Ok(());
        }
        let existing = existing.into_iter().map(OwnedDeviceId::from).collect();
        self.end(user_id, Which::These(existing)).await
    }

    async fn end(&self, user_id: &UserId, which: Which) -> Result<(), SessionError> {
        let user = user_id.to_owned();
        let change = Change::DevicesGone {
            user,
            which: which.clone(),
        };
        self.log().append(change).await?;
        self.sessions_ended(user_id, &which);
        Ok(())
    }

    /// Looks every token up again from now on.
    pub(crate) fn forget_sessions(&self) {
        self.0.sessions.0.clear();
    }

    /// Looks every token of a user up again from now on.
    pub(crate) fn forget_sessions_of(&self, user_id: &UserId) {
        let sessions = &self.0.sessions.0;
        sessions.retain(|_, cached| cached.session.user_id != *user_id);
    }

    /// Takes notice that sessions ended, perhaps on another node.
    pub fn sessions_ended(&self, user_id: &UserId, which: &Which) {
        let other =
            |session: &Session| session.user_id != *user_id || !which.contains(&session.device_id);
        self.0.sessions.0.retain(|_, cached| other(&cached.session));
    }
}

fn cached(found: &Found, now_ms: u64) -> Result<Cached, StoreError> {
    let user_id = UserId::parse(found.user_id.as_str()).map_err(|_| StoreError::Corrupt {
        table: "sessions",
        id: found.session_nid.to_string(),
    })?;
    Ok(Cached {
        session: Session {
            user_id,
            device_id: found.device_id.as_str().into(),
            is_guest: found.is_guest,
            is_admin: found.is_admin,
            is_suspended: found.is_suspended,
            is_locked: found.is_locked,
        },
        expires_at: found.expires_at,
        trusted_until: now_ms + TRUST_CACHE_MS,
        seen_at: AtomicU64::new(0),
    })
}

fn check_device(wish: &DeviceWish) -> Result<(), SessionError> {
    let id = wish.device_id.as_ref().map_or(1, |id| id.as_str().len());
    let name = wish.display_name.as_ref().map_or(0, String::len);
    let has_nul = |text: &str| text.contains('\0');
    if id == 0
        || id > MAX_DEVICE_ID_BYTES
        || name > MAX_DEVICE_NAME_BYTES
        || wish
            .device_id
            .as_ref()
            .is_some_and(|id| has_nul(id.as_str()))
        || wish.display_name.as_deref().is_some_and(has_nul)
    {
        return Err(SessionError::BadDevice);
    }
    Ok(())
}
