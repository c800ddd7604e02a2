//! E-mail addresses of accounts. Specification: client-server API, "Adding account administrative
//! contact information", and identity service, "Session management".
//!
//! Somebody proves that they read what comes to an address by following the link in a letter. The
//! office says what the letter must hold; the caller sends it. Whether an account has an address is
//! told in that letter only, never in an answer: who asks for one learns nothing.
//!
//! Start reading at [`Users::begin_email`].

mod address;

use causeway_store::StoreError;
use causeway_store::users::emails::{
    self as store, AccountEmail, Addition, Begun, MAX_PER_ACCOUNT, NewEmailSession,
};
use ruma::{OwnedUserId, UserId};
use serde::{Deserialize, Serialize};

pub use self::address::EmailAddress;
use crate::Users;
use crate::accounts::AccountError;
use crate::secret::{Secret, TokenKind, hash_token, new_session_id, new_token};
use crate::uia::Passed;

/// How long the link of a letter can be followed, and what it proved be used, in hours.
pub const LINK_LIFETIME_HOURS: u64 = 3;

/// The same in milliseconds.
pub(crate) const LINK_LIFETIME_MS: u64 = LINK_LIFETIME_HOURS * 3_600_000;

/// Longest `next_link`, in bytes.
const MAX_LINK_BYTES: usize = 2_048;

/// What somebody proves an address for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum EmailPurpose {
    /// To register with it.
    Register = 1,
    /// To set a new password of the account that has it.
    Password = 2,
    /// To add it to an account.
    Add = 3,
}

impl EmailPurpose {
    fn from_number(number: i16) -> Option<Self> {
        [Self::Register, Self::Password, Self::Add]
            .into_iter()
            .find(|purpose| *purpose as i16 == number)
    }
}

/// A wish to prove an address.
#[derive(Clone, Debug)]
pub struct EmailWish {
    /// The address as it was written.
    pub address: String,
    /// What the client knows the session by.
    pub client_secret: String,
    /// A letter is only sent again with a larger number.
    pub send_attempt: u64,
    /// Where the reader of the letter goes on.
    pub next_link: Option<String>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct EmailBegun {
    /// The session's id.
    pub sid: String,
    /// The letter that is to be sent, if it was not before.
    pub letter: Option<Letter>,
}

/// What a letter must hold.
#[derive(Clone, Debug)]
pub struct Letter {
    /// To whom.
    pub to: EmailAddress,
    /// What it is about.
    pub purpose: EmailPurpose,
    /// The session.
    pub sid: String,
    /// What the link must hold besides. None where the address does not fit the purpose, as it is an
    /// account's already, or no account's: then the letter says so.
    pub token: Option<Secret>,
    send_attempt: i64,
}

/// Why an address was not proved, or not given to an account.
#[derive(Debug, thiserror::Error)]
pub enum EmailError {
    /// Nobody can register.
    #[error("registration is not open")]
    Closed,
    /// It is no address.
    #[error("this is no e-mail address")]
    BadAddress,
    /// The link to go on with cannot be one.
    #[error("next_link is no web address that this server leads to")]
    BadLink,
    /// It got too many letters. Milliseconds until it may get another.
    #[error("this address has got too many letters")]
    TooMany(u64),
    /// It is another account's.
    #[error("the address is in use")]
    InUse,
    /// No account has it.
    #[error("no account has the address")]
    NotFound,
    /// Nobody has followed the link of a letter, or not for this.
    #[error("the address was not confirmed")]
    NotConfirmed,
    /// The account has as many as it can have.
    #[error("an account has at most {MAX_PER_ACCOUNT} addresses")]
    NoRoom,
    /// The password was not set.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An address that was proved.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ProvedEmail {
    /// The session that proved it.
    pub(crate) sid: String,
    /// The address.
    pub(crate) address: String,
    /// When, in milliseconds.
    pub(crate) validated_at: u64,
}

impl ProvedEmail {
    /// The name of this proof among those of an authentication.
    pub(crate) const PROOF: &str = "email";

    /// The address that an authentication has proved, if it has.
    pub(crate) fn of(passed: &Passed) -> Option<Self> {
        let proof = passed.proofs.get(Self::PROOF)?;
        serde_json::from_value(proof.clone()).ok()
    }
}

/// Where the reader of a letter goes on after they confirmed.
#[derive(Clone, Debug)]
pub struct Confirmed {
    /// The address.
    pub address: String,
    /// What it was confirmed for.
    pub purpose: EmailPurpose,
    /// Where the client wants them to be led.
    pub next_link: Option<String>,
}

impl Users {
    /// Begins to prove an address, or goes on. If the letter that comes back cannot be sent,
    /// [`Users::unsend`] has it sent by the same attempt later.
    ///
    /// # Errors
    /// What is wrong with the wish, or [`EmailError::TooMany`].
    pub async fn begin_email(
        &self,
        purpose: EmailPurpose,
        wish: EmailWish,
    ) -> Result<EmailBegun, EmailError> {
        if purpose == EmailPurpose::Register && !self.settings().registration.open {
            return Err(EmailError::Closed);
        }
        let to = EmailAddress::parse(&wish.address).ok_or(EmailError::BadAddress)?;
        let next_link = wish.next_link.filter(|link| !link.is_empty());
        if let Some(link) = &next_link
            && !self.leads_to(link)
        {
            return Err(EmailError::BadLink);
        }
        let owner = self.owner_of_email(to.as_str()).await?;
        let fits = owner.is_some() == (purpose == EmailPurpose::Password);
        let token = new_token(TokenKind::Email);
        let send_attempt = i64::try_from(wish.send_attempt).unwrap_or(i64::MAX);
        let new = NewEmailSession {
            sid: &new_session_id(),
            client_secret: &wish.client_secret,
            address: to.as_str(),
            purpose: purpose as i16,
            send_attempt,
            token_hash: hash_token(token.expose()).unwrap_or_default(),
            next_link: next_link.as_deref(),
            expires_at: self.now_ms() + LINK_LIFETIME_MS,
        };
        match store::begin(self.store(), new, self.now_ms()).await? {
            Begun::Send(sid) => Ok(EmailBegun {
                sid: sid.clone(),
                letter: Some(Letter {
                    to,
                    purpose,
                    sid,
                    token: fits.then_some(token),
                    send_attempt,
                }),
            }),
            Begun::SentBefore(sid) => Ok(EmailBegun { sid, letter: None }),
            Begun::TooMany(until) => Err(EmailError::TooMany(until.saturating_sub(self.now_ms()))),
        }
    }

    /// Takes note that a letter could not be sent.
    ///
    /// # Errors
    /// The database's.
    pub async fn unsend(&self, letter: &Letter) -> Result<(), StoreError> {
        store::unsend(self.store(), &letter.sid, letter.send_attempt).await
    }

    /// Whether people may be led to an address of the web when they have confirmed.
    fn leads_to(&self, link: &str) -> bool {
        let Some(rest) = link
            .strip_prefix("https://")
            .or_else(|| link.strip_prefix("http://"))
        else {
            return false;
        };
        let clean = link.bytes().all(|byte| byte.is_ascii_graphic());
        let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        // Names before an `@` are there to deceive.
        let host = authority.split(':').next().unwrap_or_default();
        let allowed = match &self.settings().email.next_link_hosts {
            Some(hosts) => hosts
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(host)),
            None => true,
        };
        link.len() <= MAX_LINK_BYTES
            && clean
            && !host.is_empty()
            && !authority.contains('@')
            && allowed
    }

    /// Looks what the link of a letter is for, and with `confirm` takes note that it was followed.
    ///
    /// # Errors
    /// [`EmailError::NotConfirmed`] if it is no link of a letter, an old one, or was guessed at too
    /// often.
    pub async fn follow_link(
        &self,
        sid: &str,
        token: &Secret,
        confirm: bool,
    ) -> Result<Confirmed, EmailError> {
        let hash = hash_token(token.expose()).ok_or(EmailError::NotConfirmed)?;
        let linked = store::follow(self.store(), sid, &hash, confirm, self.now_ms()).await?;
        let linked = linked.ok_or(EmailError::NotConfirmed)?;
        Ok(Confirmed {
            address: linked.address,
            purpose: EmailPurpose::from_number(linked.purpose).ok_or(EmailError::NotConfirmed)?,
            next_link: linked.next_link,
        })
    }

    /// The address that a session has proved for a purpose.
    pub(crate) async fn proved_email(
        &self,
        purpose: EmailPurpose,
        sid: &str,
        client_secret: &str,
    ) -> Result<Option<ProvedEmail>, StoreError> {
        let session = store::find_session(self.store(), sid, client_secret, self.now_ms()).await?;
        let session = session.filter(|session| session.purpose == purpose as i16);
        Ok(session.and_then(|session| {
            Some(ProvedEmail {
                sid: sid.to_owned(),
                address: session.address,
                validated_at: session.validated_at?,
            })
        }))
    }

    /// Gives an account the address that a session has proved. What was proved serves once.
    ///
    /// # Errors
    /// [`EmailError`] says why not.
    pub async fn add_email(
        &self,
        user_id: &UserId,
        sid: &str,
        client_secret: &str,
    ) -> Result<(), EmailError> {
        let proved = self
            .proved_email(EmailPurpose::Add, sid, client_secret)
            .await?
            .ok_or(EmailError::NotConfirmed)?;
        let ProvedEmail {
            address,
            validated_at,
            ..
        } = proved;
        let now_ms = self.now_ms();
        match store::add(
            self.store(),
            user_id.as_str(),
            &address,
            validated_at,
            now_ms,
        )
        .await?
        {
            Addition::Added => {
                store::forget_session(self.store(), sid).await?;
                Ok(())
            }
            Addition::Taken => Err(EmailError::InUse),
            Addition::NoRoom => Err(EmailError::NoRoom),
        }
    }

    /// Gives the account that has the address which `passed` has proved another password; with
    /// `logout_devices` all its sessions end. What was proved serves once.
    ///
    /// # Errors
    /// [`EmailError`] says why not.
    pub async fn reset_by_email(
        &self,
        passed: &Passed,
        password: Secret,
        logout_devices: bool,
    ) -> Result<(), EmailError> {
        let proved = ProvedEmail::of(passed).ok_or(EmailError::NotConfirmed)?;
        if !store::forget_session(self.store(), &proved.sid).await? {
            return Err(EmailError::NotConfirmed);
        }
        // It may have lost the address since the letter.
        let owner = self.owner_of_email(&proved.address).await?;
        let owner = owner.ok_or(EmailError::NotFound)?;
        Ok(self
            .set_password(&owner, password, logout_devices, None)
            .await?)
    }

    /// The addresses of an account.
    ///
    /// # Errors
    /// The database's.
    pub async fn emails_of(&self, user_id: &UserId) -> Result<Vec<AccountEmail>, StoreError> {
        store::list(self.store(), user_id.as_str()).await
    }

    /// Takes an address away from an account. Answers whether it had it.
    ///
    /// # Errors
    /// The database's.
    pub async fn remove_email(&self, user_id: &UserId, address: &str) -> Result<bool, StoreError> {
        let address = address.trim().to_lowercase();
        Ok(store::remove(self.store(), user_id.as_str(), Some(&address)).await? > 0)
    }

    /// The account that has an address.
    ///
    /// # Errors
    /// The database's.
    pub async fn owner_of_email(&self, address: &str) -> Result<Option<OwnedUserId>, StoreError> {
        let Some(address) = EmailAddress::parse(address) else {
            return Ok(None);
        };
        let owner = store::find_owner(self.store(), address.as_str()).await?;
        Ok(owner.and_then(|owner| UserId::parse(owner).ok()))
    }
}
