//! Passwords: Argon2id, away from the threads that serve requests.

use std::num::NonZeroUsize;
use std::sync::Arc;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use rand::Rng as _;
use tokio::sync::Semaphore;

use crate::secret::Secret;

/// Longest password, in bytes: hashing more is work for nothing.
pub const MAX_PASSWORD_BYTES: usize = 512;

/// Cost of one hash.
#[derive(Clone, Copy, Debug)]
pub struct HashCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub lanes: u32,
}

impl HashCost {
    /// The cheapest there is. For tests.
    pub const CHEAPEST: Self = Self {
        memory_kib: Params::MIN_M_COST,
        iterations: 1,
        lanes: 1,
    };
}

/// Why a password was not taken, or could not be hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too short or too long; the text says which, for people.
    #[error("{0}")]
    Weak(String),
    /// The hash function refused.
    #[error("password hash: {0}")]
    Hash(String),
}

/// Hashes and verifies, as many at a time as the machine has cores.
pub(crate) struct Hasher {
    argon: Argon2<'static>,
    permits: Arc<Semaphore>,
    /// Verified in place of the hash of an account that has none, so that the time of the
    /// answer does not tell which accounts exist.
    decoy: String,
}

impl Hasher {
    pub(crate) fn new(cost: HashCost) -> Self {
        let params =
            Params::new(cost.memory_kib, cost.iterations, cost.lanes, None).unwrap_or_default();
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let decoy = hash(&argon, b"no account").unwrap_or_default();
        Self {
            argon,
            permits: Arc::new(Semaphore::new(cores)),
            decoy,
        }
    }

    /// The hash of a password in PHC form.
    pub(crate) async fn hash(&self, password: Secret) -> Result<String, PasswordError> {
        let argon = self.argon.clone();
        self.away(move || hash(&argon, password.expose().as_bytes()))
            .await
            .and_then(|done| done)
    }

    /// Whether a password is the one of `stored`. Without a stored hash it never is, and finding
    /// out takes as long.
    pub(crate) async fn verify(
        &self,
        password: Secret,
        stored: Option<String>,
    ) -> Result<bool, PasswordError> {
        if password.expose().len() > MAX_PASSWORD_BYTES {
            return Ok(false);
        }
        let argon = self.argon.clone();
        let exists = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.clone());
        let matches = self
            .away(move || {
                argon
                    .verify_password(password.expose().as_bytes(), stored.as_str())
                    .is_ok()
            })
            .await?;
        Ok(matches && exists)
    }

    async fn away<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|error| PasswordError::Hash(error.to_string()))?;
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        })
        .await
        .map_err(|error| PasswordError::Hash(error.to_string()))
    }
}

fn hash(argon: &Argon2<'_>, password: &[u8]) -> Result<String, PasswordError> {
    let mut salt = [0_u8; 16];
    rand::rng().fill_bytes(&mut salt);
    argon
        .hash_password_with_salt(password, &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| PasswordError::Hash(error.to_string()))
}

/// Whether a new password will do.
///
/// # Errors
/// [`PasswordError::Weak`] if it is too short or too long.
pub fn check_strength(password: &str, min_length: usize) -> Result<(), PasswordError> {
    if password.chars().count() < min_length {
        return Err(PasswordError::Weak(format!(
            "A password needs at least {min_length} characters"
        )));
    }
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(PasswordError::Weak(format!(
            "A password has at most {MAX_PASSWORD_BYTES} bytes"
        )));
    }
    Ok(())
}

#[cfg(test)]
#[path = "password_test.rs"]
mod password_test;
