//! Guests: accounts without a password, which can become full ones. Specification: client-server
//! API, "Guest access".

use causeway_store::users::accounts::{self, Creation, GuestUpgrade};
use ruma::OwnedUserId;

use crate::Users;
use crate::localpart::new_user_id;
use crate::registration::{Opening, RegisterError, new_email};
use crate::secret::Secret;
use crate::sessions::{DeviceWish, LoggedIn, TokenError};

impl Users {
    /// Lets a guest in.
    ///
    /// # Errors
    /// [`RegisterError::Closed`] where guests are not let in.
    pub async fn register_guest(
        &self,
        display_name: Option<String>,
    ) -> Result<LoggedIn, RegisterError> {
        if !self.settings().registration.guests {
            return Err(RegisterError::Closed);
        }
        let account = Opening {
            is_guest: true,
            ..Opening::default()
        };
        let user_id = self.create_account(account).await?;
        let device = DeviceWish {
            display_name,
            ..DeviceWish::default()
        };
        Ok(self.begin_session(&user_id, device).await?)
    }

    /// The guest of an access token, who has to be of that name.
    pub(crate) async fn guest_of(
        &self,
        token: &Secret,
        username: Option<&str>,
    ) -> Result<OwnedUserId, RegisterError> {
        let username = username.ok_or(RegisterError::OtherGuest)?;
        let user_id = new_user_id(username, self.server_name())?;
        match self.session_of(token.expose()).await {
            Ok(session) if session.is_guest && session.user_id == user_id => Ok(user_id),
            Ok(_) | Err(TokenError::Unknown | TokenError::Expired) => {
                Err(RegisterError::OtherGuest)
            }
            Err(TokenError::Store(error)) => Err(error.into()),
        }
    }

    /// Makes a guest's account a full one. Its sessions go on, as those of a full account.
    pub(crate) async fn upgrade_guest(
        &self,
        opening: Opening<'_>,
    ) -> Result<OwnedUserId, RegisterError> {
        let (Some(user_id), Some(password_hash)) = (opening.user_id, opening.password_hash) else {
            return Err(RegisterError::OtherGuest);
        };
        let upgrade = GuestUpgrade {
            user_id: user_id.as_str(),
            password_hash: &password_hash,
            registration_token: opening.registration_token,
            email: opening.email.map(new_email),
        };
        match accounts::upgrade_guest(self.store(), upgrade, self.now_ms()).await? {
            Creation::Created => {
                self.forget_sessions_of(&user_id);
                Ok(user_id)
            }
            // Somebody has done the same meanwhile.
            Creation::Taken | Creation::OwnerHasOne => Err(RegisterError::Taken),
            Creation::TokenSpent => Err(RegisterError::TokenSpent),
            Creation::EmailTaken => Err(RegisterError::EmailTaken),
        }
    }
}
