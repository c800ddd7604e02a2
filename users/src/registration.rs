//! Registration. Specification: client-server API, "Account registration and management".
//!
//! A request that is sent again with a session that has done its work gets the same account, and
//! a client may leave out in later requests of a session what it sent in the first.

use causeway_store::log::{AccountData, ProfileField};
use causeway_store::users::accounts::{self, Creation, NewAccount, NewEmail};
use causeway_store::users::external::ExternalId;
use causeway_store::users::{emails, registration as store, uia as uia_store};
use causeway_store::{AppendError, Change, StoreError};
use futures::future::try_join_all;
use ruma::api::client::uiaa::AuthData;
use ruma::{OwnedUserId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::Users;
use crate::emails::{EmailPurpose, ProvedEmail};
use crate::localpart::{LocalpartError, new_user_id};
use crate::password::{PasswordError, check_strength};
use crate::secret::{Secret, new_localpart};
use crate::sessions::{DeviceWish, LoggedIn, SessionError};
use crate::settings::EmailSettings;
use crate::uia::{Challenge, Flows, Passed, Purpose, Stage, UiaError, Verdict};

/// Attempts at a name nobody has, for people who do not choose one.
const MAX_NAME_ATTEMPTS: usize = 8;

const ACTION: &str = "register";

/// A wish to register.
#[derive(Clone, Debug, Default)]
pub struct RegisterWish {
    /// The localpart; one is made up without it.
    pub username: Option<String>,
    /// The password, which may have come with an earlier request of the session.
    pub password: Option<Secret>,
    /// What the client wants of its device.
    pub device: DeviceWish,
    /// Whether to log in at once is not wanted.
    pub inhibit_login: bool,
    /// The access token of the guest whose account this is to be from now on.
    pub guest_token: Option<Secret>,
}

/// What became of a wish to register.
#[derive(Clone, Debug)]
pub enum Registered {
    /// There is an account now, and a session on it if that was wanted.
    Done {
        /// The new user.
        user_id: OwnedUserId,
        /// The session.
        login: Option<LoggedIn>,
    },
    /// A stage is to be passed first.
    Challenged(Challenge),
}

/// Why nobody could register.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// Registration is closed, or the kind of account is not offered.
    #[error("registration is not open")]
    Closed,
    /// The name cannot be given.
    #[error(transparent)]
    Localpart(#[from] LocalpartError),
    /// The name is taken.
    #[error("the user name is taken")]
    Taken,
    /// The token is not that of a guest of this name.
    #[error("the access token is not that of a guest of this name")]
    OtherGuest,
    /// No password was sent.
    #[error("a password is needed")]
    NoPassword,
    /// The registration token ran out of uses meanwhile.
    #[error("the registration token has no uses left")]
    TokenSpent,
    /// Another account got the e-mail address meanwhile.
    #[error("the e-mail address is in use")]
    EmailTaken,
    /// Who is known to the identity provider got an account meanwhile.
    #[error("there is an account already")]
    OwnerHasOne,
    /// The password will not do.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Authentication failed.
    #[error(transparent)]
    Uia(#[from] UiaError),
    /// The session could not begin.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log failed.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// What is kept of the first request. The password only as its hash.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Kept {
    user_id: Option<OwnedUserId>,
    /// The account exists, and is a guest's who wants to be one no longer.
    #[serde(default)]
    is_upgrade: bool,
    password_hash: Option<String>,
    device_id: Option<String>,
    device_name: Option<String>,
    refresh_token: bool,
    inhibit_login: bool,
}

impl Users {
    /// Registers a user, or says which stage is to be passed first.
    ///
    /// # Errors
    /// [`RegisterError`] says why not.
    pub async fn register(
        &self,
        wish: RegisterWish,
        auth: Option<&AuthData>,
    ) -> Result<Registered, RegisterError> {
        if !self.settings().registration.open {
            return Err(RegisterError::Closed);
        }
        let begun = self.first_request(ACTION, auth).await?;
        if let Some(done) = begun.as_ref().and_then(|session| outcome(&session.proofs)) {
            return self.answer(done, wish.device, wish.inhibit_login).await;
        }
        let first = begun.map(|session| session.request);
        let kept = self.keep(wish, first).await?;
        let purpose = Purpose {
            action: ACTION,
            user_id: None,
            flows: self.registration_flows(),
            request: serde_json::to_value(&kept).unwrap_or_default(),
        };
        match self.authenticate_for(purpose, auth).await? {
            Verdict::Challenged(challenge) => Ok(Registered::Challenged(challenge)),
            Verdict::Passed(passed) => self.open_account(kept, passed).await,
        }
    }

    /// Joins what the client sends now with what it sent first, and checks it.
    async fn keep(&self, wish: RegisterWish, first: Option<Value>) -> Result<Kept, RegisterError> {
        let mut kept: Kept = first
            .and_then(|first| serde_json::from_value(first).ok())
            .unwrap_or_default();
        if let Some(token) = wish.guest_token {
            let guest = self.guest_of(&token, wish.username.as_deref()).await?;
            kept.user_id = Some(guest);
            kept.is_upgrade = true;
        } else if let Some(name) = wish.username.as_deref().filter(|_| !kept.is_upgrade) {
            let user_id = new_user_id(name, self.server_name())?;
            if accounts::find(self.store(), user_id.as_str())
                .await?
                .is_some()
            {
                return Err(RegisterError::Taken);
            }
            kept.user_id = Some(user_id);
        }
        if let Some(password) = wish.password {
            check_strength(password.expose(), self.settings().min_password_length)?;
            kept.password_hash = Some(self.0.hasher.hash(password).await?);
        }
        if let Some(id) = wish.device.device_id {
            kept.device_id = Some(id.to_string());
        }
        kept.device_name = wish.device.display_name.or(kept.device_name);
        kept.refresh_token |= wish.device.refresh_token;
        kept.inhibit_login |= wish.inhibit_login;
        Ok(kept)
    }

    fn registration_flows(&self) -> Flows {
        let settings = &self.settings().registration;
        let mut stages = Vec::with_capacity(3);
        if settings.captcha.is_some() {
            stages.push(Stage::Captcha);
        }
        if settings.require_token {
            stages.push(Stage::RegistrationToken);
        }
        if !settings.terms.is_empty() {
            stages.push(Stage::Terms);
        }
        let mut flows = with_email(stages, &self.settings().email);
        if let Some(captcha) = &settings.captcha {
            flows = flows.with_params(Stage::Captcha, json!({ "public_key": captcha.public_key }));
        }
        if settings.terms.is_empty() {
            return flows;
        }
        let mut policies = Map::new();
        for term in &settings.terms {
            let policy = policies
                .entry(term.id.clone())
                .or_insert_with(|| json!({ "version": term.version }));
            policy[&term.language] = json!({ "name": term.name, "url": term.url });
        }
        flows.with_params(Stage::Terms, json!({ "policies": policies }))
    }

    async fn open_account(&self, kept: Kept, passed: Passed) -> Result<Registered, RegisterError> {
        let Some(password_hash) = kept.password_hash else {
            return Err(RegisterError::NoPassword);
        };
        let token = passed
            .proofs
            .get("registration_token")
            .and_then(Value::as_str);
        let email = ProvedEmail::of(&passed);
        let account = Opening {
            user_id: kept.user_id,
            password_hash: Some(password_hash),
            registration_token: token,
            email: email.as_ref(),
            ..Opening::default()
        };
        let user_id = if kept.is_upgrade {
            self.upgrade_guest(account).await?
        } else {
            self.create_account(account).await?
        };
        if let Some(email) = &email {
            emails::forget_session(self.store(), &email.sid).await?;
        }
        if let Some(session) = &passed.session_id {
            let outcome = json!({ "registered": user_id });
            uia_store::set_outcome(self.store(), session, &outcome).await?;
        }
        let device = DeviceWish {
            device_id: kept.device_id.map(Into::into),
            display_name: kept.device_name,
            refresh_token: kept.refresh_token,
        };
        self.answer(user_id, device, kept.inhibit_login).await
    }

    async fn answer(
        &self,
        user_id: OwnedUserId,
        device: DeviceWish,
        inhibit_login: bool,
    ) -> Result<Registered, RegisterError> {
        let login = if inhibit_login {
            None
        } else {
            Some(self.begin_session(&user_id, device).await?)
        };
        Ok(Registered::Done { user_id, login })
    }

    /// Whether a name could be registered now.
    ///
    /// # Errors
    /// [`RegisterError::Localpart`] or [`RegisterError::Taken`] if not.
    pub async fn check_available(&self, name: &str) -> Result<(), RegisterError> {
        let user_id = new_user_id(name, self.server_name())?;
        match accounts::find(self.store(), user_id.as_str()).await? {
            Some(_) => Err(RegisterError::Taken),
            None => Ok(()),
        }
    }

    /// Whether a registration token could be used now.
    ///
    /// # Errors
    /// The database's.
    pub async fn registration_token_is_valid(&self, token: &str) -> Result<bool, StoreError> {
        store::token_is_valid(self.store(), token, self.now_ms()).await
    }

    pub(crate) async fn create_account(
        &self,
        opening: Opening<'_>,
    ) -> Result<OwnedUserId, RegisterError> {
        for _ in 0..MAX_NAME_ATTEMPTS {
            let user_id = match &opening.user_id {
                Some(chosen) => chosen.clone(),
                None => new_user_id(&new_localpart(), self.server_name())?,
            };
            let account = NewAccount {
                user_id: user_id.as_str(),
                password_hash: opening.password_hash.as_deref(),
                is_guest: opening.is_guest,
                is_admin: opening.is_admin,
                registration_token: opening.registration_token,
                email: opening.email.map(new_email),
                external_id: opening.external_id,
            };
            match accounts::create(self.store(), account, self.now_ms()).await? {
                Creation::Created => {
                    self.furnish(&user_id, opening.display_name).await?;
                    return Ok(user_id);
                }
                Creation::TokenSpent => return Err(RegisterError::TokenSpent),
                Creation::EmailTaken => return Err(RegisterError::EmailTaken),
                Creation::OwnerHasOne => return Err(RegisterError::OwnerHasOne),
                Creation::Taken if opening.user_id.is_some() => return Err(RegisterError::Taken),
                Creation::Taken => {}
            }
        }
        Err(RegisterError::Taken)
    }

    /// Writes what an account has from the start: push rules, which sync shows like any account
    /// data, and perhaps a name.
    async fn furnish(
        &self,
        user_id: &UserId,
        display_name: Option<&str>,
    ) -> Result<(), AppendError> {
        let rules = Change::AccountData(AccountData {
            user: user_id.to_owned(),
            room: None,
            event_type: "m.push_rules".to_owned(),
            content: self.default_rules_content(user_id),
        });
        let from_localpart = self.settings().registration.name_from_localpart;
        let name = display_name.or(from_localpart.then(|| user_id.localpart()));
        let name = name.map(|name| {
            Change::Profile(ProfileField {
                user: user_id.to_owned(),
                field: "displayname".to_owned(),
                value: Some(name.into()),
            })
        });
        let changes = std::iter::once(rules).chain(name);
        try_join_all(changes.map(|change| self.log().append(change))).await?;
        Ok(())
    }
}

/// What an account is opened with; without an id, a name is made up.
#[derive(Default)]
pub(crate) struct Opening<'a> {
    pub(crate) user_id: Option<OwnedUserId>,
    pub(crate) password_hash: Option<String>,
    pub(crate) is_guest: bool,
    pub(crate) is_admin: bool,
    pub(crate) registration_token: Option<&'a str>,
    pub(crate) email: Option<&'a ProvedEmail>,
    pub(crate) external_id: Option<ExternalId<'a>>,
    /// What it is called, where that is known; otherwise the settings say whether by its localpart.
    pub(crate) display_name: Option<&'a str>,
}

pub(crate) fn new_email(proved: &ProvedEmail) -> NewEmail<'_> {
    NewEmail {
        address: &proved.address,
        validated_at: proved.validated_at,
    }
}

/// The flows that begin with `stages`: without an e-mail address where none is needed, and with one
/// where letters can be sent.
fn with_email(stages: Vec<Stage>, email: &EmailSettings) -> Flows {
    let mut with = stages.clone();
    with.push(Stage::Email);
    let mut without = stages;
    if without.is_empty() {
        without.push(Stage::Dummy);
    }
    let flows = match (email.offered, email.required_to_register) {
        (false, _) => return Flows::one(without),
        (true, true) => Flows::one(with),
        (true, false) => Flows::one(without).or(with),
    };
    flows.with_email_for(EmailPurpose::Register)
}

fn outcome(proofs: &Value) -> Option<OwnedUserId> {
    UserId::parse(proofs.get("registered")?.as_str()?).ok()
}
