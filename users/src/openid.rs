//! OpenID tokens, with which a user proves to a third party who they are. Specification:
//! client-server API, "OpenID".

use causeway_store::StoreError;
use causeway_store::users::one_time;
use ruma::{OwnedUserId, UserId};

use crate::Users;
use crate::secret::{Secret, TokenKind, hash_token, new_token};

/// Life of a token, in milliseconds.
pub const LIFETIME_MS: u64 = 3_600_000;

impl Users {
    /// A token for a third party, valid for [`LIFETIME_MS`].
    ///
    /// # Errors
    /// The database's.
    pub async fn create_openid_token(&self, user_id: &UserId) -> Result<Secret, StoreError> {
        let token = new_token(TokenKind::OpenId);
        let hash = hash_token(token.expose()).unwrap_or_default();
        let now_ms = self.now_ms();
        let expires_at = now_ms + LIFETIME_MS;
        one_time::create_openid_token(self.store(), &hash, user_id.as_str(), expires_at, now_ms)
            .await?;
        Ok(token)
    }

    /// Whose token this is, if it is valid.
    ///
    /// # Errors
    /// The database's.
    pub async fn find_openid_user(&self, token: &str) -> Result<Option<OwnedUserId>, StoreError> {
        let Some(hash) = hash_token(token) else {
            return Ok(None);
        };
        let user_id = one_time::find_openid_user(self.store(), &hash, self.now_ms()).await?;
        Ok(user_id.and_then(|id| UserId::parse(id).ok()))
    }
}
