//! Checks a stage that a client sends, and keeps the session in between.

use causeway_store::StoreError;
use causeway_store::users::registration;
use causeway_store::users::uia::{self as store, UiaSession};
use ruma::UserId;
use ruma::api::client::uiaa::AuthData;
use serde_json::{Value, json};

use super::{Flows, Passed, Purpose, Stage, Verdict};
use crate::Users;
use crate::captcha::{CaptchaError, MAX_ANSWER_BYTES};
use crate::emails::{LINK_LIFETIME_MS, ProvedEmail};
use crate::login::LoginError;
use crate::secret::{Secret, new_session_id};

/// Why authentication could not go on.
#[derive(Debug, thiserror::Error)]
pub enum UiaError {
    /// The password is right, but somebody else's.
    #[error("somebody else was authenticated")]
    OtherUser,
    /// The session was begun for something else, or by somebody else.
    #[error("the requested operation has changed during authentication")]
    OtherPurpose,
    /// The password could not be verified.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The answer to a riddle could not be checked.
    #[error(transparent)]
    Captcha(#[from] CaptchaError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What somebody gives on a page for a stage that their client does not know.
#[derive(Clone, Copy, Debug)]
pub enum OnPage<'a> {
    /// They agree to the documents.
    Agreed,
    /// A token that allows to register.
    Token(&'a str),
    /// The answer to a riddle.
    Riddle(&'a str),
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageVerdict {
    /// The stage is passed.
    Passed,
    /// It is not, for this reason.
    Failed(&'static str),
    /// The session is unknown, or has expired.
    NoSession,
}

/// What became of one stage.
enum Checked {
    Passed(Value),
    Failed(&'static str, &'static str),
}

impl Users {
    /// Checks `auth`, which came with a request, and says whether the request may be served.
    ///
    /// # Errors
    /// [`UiaError::OtherPurpose`] if the session named in `auth` is for something else.
    pub async fn authenticate_for(
        &self,
        purpose: Purpose<'_>,
        auth: Option<&AuthData>,
    ) -> Result<Verdict, UiaError> {
        let known = match auth.and_then(AuthData::session) {
            Some(id) => self.load_uia(id, &purpose).await?,
            None => None,
        };
        let Some(auth) = auth else {
            return self.challenge(&purpose, known, None).await;
        };
        if known.is_none() && auth.session().is_some() {
            let why = (
                "M_UNKNOWN",
                "The authentication session is unknown or has expired",
            );
            return self.challenge(&purpose, None, Some(why)).await;
        }
        let stage = match auth.auth_type() {
            Some(name) => match Stage::from_name(name.as_str()) {
                // It is passed on a page; the client only says that it has seen the end of it.
                Some(Stage::Sso) if purpose.flows.contain(Stage::Sso) => {
                    return self.conclude(&purpose, known, None).await;
                }
                Some(stage) if purpose.flows.contain(stage) => stage,
                _ => {
                    let why = ("M_UNRECOGNIZED", "This authentication type is not offered");
                    return self.challenge(&purpose, known, Some(why)).await;
                }
            },
            // Only a session: the stage was passed elsewhere, on a page of the server.
            None => return self.conclude(&purpose, known, None).await,
        };
        match self.check_stage(stage, auth, &purpose).await? {
            Checked::Passed(proof) => self.conclude(&purpose, known, Some((stage, proof))).await,
            Checked::Failed(errcode, error) => {
                self.challenge(&purpose, known, Some((errcode, error)))
                    .await
            }
        }
    }

    /// What was kept of the session that `auth` names, if it is there and for this action.
    ///
    /// # Errors
    /// As [`Users::authenticate_for`].
    pub(crate) async fn first_request(
        &self,
        action: &str,
        auth: Option<&AuthData>,
    ) -> Result<Option<UiaSession>, UiaError> {
        let Some(id) = auth.and_then(AuthData::session) else {
            return Ok(None);
        };
        let purpose = Purpose {
            action,
            user_id: None,
            flows: Flows::default(),
            request: Value::Null,
        };
        self.load_uia(id, &purpose).await
    }

    async fn load_uia(
        &self,
        id: &str,
        purpose: &Purpose<'_>,
    ) -> Result<Option<UiaSession>, UiaError> {
        let Some(session) = store::find(self.store(), id, self.now_ms()).await? else {
            return Ok(None);
        };
        let same_user = session.user_id.as_deref() == purpose.user_id.map(UserId::as_str);
        if session.action != purpose.action || !same_user {
            return Err(UiaError::OtherPurpose);
        }
        Ok(Some(session))
    }

    async fn check_stage(
        &self,
        stage: Stage,
        auth: &AuthData,
        purpose: &Purpose<'_>,
    ) -> Result<Checked, UiaError> {
        Ok(match (stage, auth) {
            (Stage::Password, AuthData::Password(password)) => {
                let name = self
                    .name_in(&password.identifier)
                    .await?
                    .unwrap_or_default();
                let secret = Secret::new(password.password.as_str());
                match self.check_password(&name, secret).await {
                    Ok(id) if Some(&*id) == purpose.user_id => Checked::Passed(json!({})),
                    Ok(_) => return Err(UiaError::OtherUser),
                    Err(LoginError::Wrong | LoginError::Deactivated) => {
                        Checked::Failed("M_FORBIDDEN", "Wrong user name or password")
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            (Stage::RegistrationToken, AuthData::RegistrationToken(data)) => {
                self.check_token(&data.token).await?
            }
            (Stage::Email, AuthData::EmailIdentity(data)) => {
                let creds = &data.thirdparty_id_creds;
                self.check_email(purpose, creds.sid.as_str(), creds.client_secret.as_str())
                    .await?
            }
            (Stage::Captcha, AuthData::ReCaptcha(data)) => {
                self.check_captcha(&data.response).await?
            }
            (Stage::Dummy | Stage::Terms, _) => Checked::Passed(json!({})),
            _ => Checked::Failed("M_BAD_JSON", "The stage lacks its fields"),
        })
    }

    async fn check_captcha(&self, answer: &str) -> Result<Checked, UiaError> {
        let Some(captcha) = &self.settings().registration.captcha else {
            return Ok(Checked::Failed("M_UNRECOGNIZED", "No captcha is asked for"));
        };
        if answer.is_empty() {
            return Ok(Checked::Failed("M_CAPTCHA_NEEDED", "Solve the captcha"));
        }
        let is_short = answer.len() <= MAX_ANSWER_BYTES;
        Ok(if is_short && captcha.check.is_right(answer).await? {
            Checked::Passed(json!({}))
        } else {
            Checked::Failed("M_CAPTCHA_INVALID", "The captcha was not solved")
        })
    }

    /// Passes a stage of a session with what somebody gave on a page of this server.
    ///
    /// # Errors
    /// The database's, and the captcha service's.
    pub async fn pass_on_page(
        &self,
        session: &str,
        given: OnPage<'_>,
    ) -> Result<PageVerdict, UiaError> {
        if store::find(self.store(), session, self.now_ms())
            .await?
            .is_none()
        {
            return Ok(PageVerdict::NoSession);
        }
        let (stage, checked) = match given {
            OnPage::Agreed => (Stage::Terms, Checked::Passed(json!({}))),
            OnPage::Token(token) => (Stage::RegistrationToken, self.check_token(token).await?),
            OnPage::Riddle(answer) => (Stage::Captcha, self.check_captcha(answer).await?),
        };
        let proof = match checked {
            Checked::Passed(proof) => proof,
            Checked::Failed(_, why) => return Ok(PageVerdict::Failed(why)),
        };
        let passed = store::complete_stage(self.store(), session, stage.name(), &proof).await?;
        Ok(passed.map_or(PageVerdict::NoSession, |_| PageVerdict::Passed))
    }

    async fn check_token(&self, token: &str) -> Result<Checked, UiaError> {
        let is_valid = registration::token_is_valid(self.store(), token, self.now_ms()).await?;
        Ok(if is_valid {
            Checked::Passed(json!({ "registration_token": token }))
        } else {
            Checked::Failed("M_FORBIDDEN", "The registration token is not valid")
        })
    }

    async fn check_email(
        &self,
        purpose: &Purpose<'_>,
        sid: &str,
        client_secret: &str,
    ) -> Result<Checked, UiaError> {
        let proved = match purpose.flows.email_for() {
            Some(email) => self.proved_email(email, sid, client_secret).await?,
            None => None,
        };
        Ok(match proved {
            Some(proved) => Checked::Passed(json!({ ProvedEmail::PROOF: proved })),
            None => Checked::Failed(
                "M_THREEPID_AUTH_FAILED",
                "The e-mail address was not confirmed",
            ),
        })
    }

    /// Adds a passed stage, and finds out whether that was the last.
    async fn conclude(
        &self,
        purpose: &Purpose<'_>,
        known: Option<UiaSession>,
        passed: Option<(Stage, Value)>,
    ) -> Result<Verdict, UiaError> {
        let mut session = known.unwrap_or_else(|| new_session(purpose));
        let is_stored = !session.session_id.is_empty();
        if let Some((stage, proof)) = passed {
            if is_stored {
                let id = &session.session_id;
                let stages = store::complete_stage(self.store(), id, stage.name(), &proof).await?;
                session.completed = stages.unwrap_or_default();
            } else {
                session.completed.push(stage.name().to_owned());
            }
            if let (Value::Object(all), Value::Object(new)) = (&mut session.proofs, proof) {
                all.extend(new);
            }
        }
        if purpose.flows.are_passed(&session.completed) {
            return Ok(Verdict::Passed(Passed {
                session_id: is_stored.then_some(session.session_id),
                proofs: session.proofs,
                first_request: is_stored.then_some(session.request),
            }));
        }
        self.challenge(purpose, Some(session), None).await
    }

    /// Asks for a stage, in a new session if there is none yet.
    async fn challenge(
        &self,
        purpose: &Purpose<'_>,
        known: Option<UiaSession>,
        why: Option<(&'static str, &'static str)>,
    ) -> Result<Verdict, UiaError> {
        let mut session = known.unwrap_or_else(|| new_session(purpose));
        if session.session_id.is_empty() {
            session.session_id = new_session_id();
            let now_ms = self.now_ms();
            let life = self.settings().uia_session_lifetime_ms;
            // A letter takes its time.
            let life = match purpose.flows.email_for() {
                Some(_) => life.max(LINK_LIFETIME_MS),
                None => life,
            };
            let expires_at = now_ms + life;
            store::create(self.store(), &session, expires_at, now_ms).await?;
        }
        let challenge = purpose
            .flows
            .challenge(&session.session_id, session.completed);
        Ok(Verdict::Challenged(match why {
            Some((errcode, error)) => challenge.because(errcode, error),
            None => challenge,
        }))
    }

    /// Forgets a session whose purpose is served, so that it cannot serve it again.
    ///
    /// # Errors
    /// The database's.
    pub async fn finish_uia(&self, passed: &Passed) -> Result<(), StoreError> {
        match &passed.session_id {
            Some(id) => store::delete(self.store(), id).await,
            None => Ok(()),
        }
    }
}

/// A session that is not stored yet, which its empty id tells.
fn new_session(purpose: &Purpose<'_>) -> UiaSession {
    UiaSession {
        session_id: String::new(),
        user_id: purpose.user_id.map(ToString::to_string),
        action: purpose.action.to_owned(),
        request: purpose.request.clone(),
        completed: Vec::new(),
        proofs: json!({}),
    }
}
