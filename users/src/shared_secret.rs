//! Registration with a secret that only administrators have: a nonce, and an HMAC-SHA1 over
//! nonce, name, password and the wish to be an administrator, joined by zero bytes. The tools
//! of other homeservers use it, which is why it is as it is.

use causeway_store::StoreError;
use causeway_store::users::registration as store;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use crate::Users;
use crate::localpart::new_user_id;
use crate::password::check_strength;
use crate::registration::{Opening, RegisterError};
use crate::secret::{Secret, new_session_id};
use crate::sessions::{DeviceWish, LoggedIn};

/// Life of a nonce, in milliseconds.
const NONCE_LIFETIME_MS: u64 = 60_000;

/// What an administrator's tool sends.
#[derive(Clone, Debug)]
pub struct SharedSecretRequest {
    /// From [`Users::shared_secret_nonce`].
    pub nonce: String,
    /// The localpart.
    pub username: String,
    /// The password.
    pub password: Secret,
    /// Whether the account is an administrator's.
    pub admin: bool,
    /// `user_type`, which some tools send; it is part of the HMAC only.
    pub user_type: Option<String>,
    /// The HMAC, in hexadecimal digits.
    pub mac: String,
}

/// Why no account was made.
#[derive(Debug, thiserror::Error)]
pub enum SharedSecretError {
    /// This server has no shared secret.
    #[error("shared-secret registration is not enabled")]
    NotEnabled,
    /// The nonce is unknown, used or too old.
    #[error("the nonce is not valid")]
    BadNonce,
    /// The HMAC is not right.
    #[error("the HMAC is not right")]
    BadMac,
    /// The account could not be made.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Users {
    /// A nonce for one registration with the shared secret.
    ///
    /// # Errors
    /// [`SharedSecretError::NotEnabled`], or the database's.
    pub async fn shared_secret_nonce(&self) -> Result<String, SharedSecretError> {
        if self.settings().registration.shared_secret.is_none() {
            return Err(SharedSecretError::NotEnabled);
        }
        let nonce = new_session_id();
        let now_ms = self.now_ms();
        store::create_nonce(self.store(), &nonce, now_ms + NONCE_LIFETIME_MS, now_ms).await?;
        Ok(nonce)
    }

    /// Makes an account for who knows the shared secret, and logs in on it.
    ///
    /// # Errors
    /// [`SharedSecretError`] says why not.
    pub async fn register_with_secret(
        &self,
        request: SharedSecretRequest,
    ) -> Result<LoggedIn, SharedSecretError> {
        let Some(secret) = &self.settings().registration.shared_secret else {
            return Err(SharedSecretError::NotEnabled);
        };
        if !store::take_nonce(self.store(), &request.nonce, self.now_ms()).await? {
            return Err(SharedSecretError::BadNonce);
        }
        if !mac_is_right(secret, &request) {
            return Err(SharedSecretError::BadMac);
        }
        let user_id =
            new_user_id(&request.username, self.server_name()).map_err(RegisterError::from)?;
        let hash = async {
            check_strength(request.password.expose(), 1)?;
            self.0.hasher.hash(request.password).await
        };
        let opening = Opening {
            user_id: Some(user_id),
            password_hash: Some(hash.await.map_err(RegisterError::from)?),
            is_admin: request.admin,
            ..Opening::default()
        };
        let user_id = self.create_account(opening).await?;
        let login = self.begin_session(&user_id, DeviceWish::default()).await;
        Ok(login.map_err(RegisterError::from)?)
    }
}

fn mac_is_right(secret: &Secret, request: &SharedSecretRequest) -> bool {
    let Some(mac) = from_hex(&request.mac) else {
        return false;
    };
    let Ok(mut hmac) = Hmac::<Sha1>::new_from_slice(secret.expose().as_bytes()) else {
        return false;
    };
    let role: &[u8] = if request.admin { b"admin" } else { b"notadmin" };
    let name = request.username.as_bytes();
    let parts = [
        request.nonce.as_bytes(),
        name,
        request.password.expose().as_bytes(),
        role,
    ];
    for (i, part) in parts
        .into_iter()
        .chain(request.user_type.as_deref().map(str::as_bytes))
        .enumerate()
    {
        if i > 0 {
            hmac.update(b"\0");
        }
        hmac.update(part);
    }
    hmac.verify_slice(&mac).is_ok()
}

/// Bytes of a SHA-1 HMAC from its hexadecimal digits.
fn from_hex(digits: &str) -> Option<[u8; 20]> {
    if digits.len() != 40 || !digits.is_ascii() {
        return None;
    }
    let mut bytes = [0; 20];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
#[path = "shared_secret_test.rs"]
mod shared_secret_test;
