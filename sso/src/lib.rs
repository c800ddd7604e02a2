//! Identity providers: who somebody is, said by a service that the operator names. OpenID Connect
//! (Core 1.0, "Authentication using the Authorization Code Flow", with PKCE) and CAS (Protocol 3.0).
//!
//! Laws:
//! - what a provider says is believed only if it is signed by a key of its own (OpenID) or said to us
//!   directly (CAS), meant for us, for this attempt, and for now;
//! - its answers are bounded in bytes and time; no redirect of it is followed;
//! - the addresses are the operator's, so they may be private ones;
//! - the time is passed in, and so are the secrets of an attempt: this crate keeps neither.
//!
//! Start reading at [`SignOn`].

use std::sync::Arc;

use reqwest::Url;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

mod ask;
mod cas;
mod id_token;
mod openid;
mod signatures;
mod template;

pub use openid::{ClientAuth, OpenIdSettings};
pub use template::Template;

/// Requests to all providers at a time; others wait.
const MAX_CONNECTIONS: usize = 16;

/// Longest subject, in bytes (OpenID Connect Core 1.0, section 2: 255).
const MAX_SUBJECT_BYTES: usize = 255;

/// A secret of the operator: its `Debug` tells nothing, and its memory is wiped.
#[derive(Clone)]
pub struct ClientSecret(zeroize::Zeroizing<String>);

impl ClientSecret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(zeroize::Zeroizing::new(text.into()))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// A provider as the operator describes it.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// What it is called in URLs, and in the table of who is who. Never to be changed.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whose it is, for the looks of a button (`google`, `github`, ...).
    pub brand: Option<String>,
    /// Its picture, an `mxc` URI.
    pub icon: Option<String>,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// What the localpart of a new account is made of.
    pub localpart: Template,
    /// What the display name of a new account is made of.
    pub display_name: Option<Template>,
    /// Whether somebody who is new gets an account.
    pub creates_accounts: bool,
    /// Whether somebody who is new takes over the account that already has their name. Otherwise
    /// they are refused.
    pub links_existing: bool,
}

/// How a provider is spoken to.
#[derive(Clone, Debug)]
pub enum Protocol {
    /// OpenID Connect.
    OpenId(Box<OpenIdSettings>),
    /// CAS.
    Cas {
        /// As in `https://cas.example.org/cas`, without a slash at the end.
        server_url: String,
        /// Where tickets are shown, below the server's URL.
        validate_path: String,
    },
}

/// The secrets of one attempt to log in, each random and used once.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Comes back with the person.
    pub state: String,
    /// Stands in the ID token.
    pub nonce: String,
    /// Proves that who asks for the token is who began (PKCE, RFC 7636): 43 to 128 letters.
    pub verifier: String,
}

/// What somebody brings back from a provider.
#[derive(Clone, Debug)]
pub enum Returned<'a> {
    /// An authorization code, with the issuer where it is named (RFC 9207).
    Code {
        /// It.
        code: &'a str,
        /// Who is said to have given it.
        issuer: Option<&'a str>,
    },
    /// A ticket.
    Ticket(&'a str),
}

/// Who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// What the provider knows them by, for ever.
    pub subject: String,
    /// The localpart that they would have; none where claims are missing for it.
    pub localpart: Option<String>,
    /// Their name.
    pub display_name: Option<String>,
}

/// Why nobody knows who somebody is.
#[derive(Debug, thiserror::Error)]
pub enum SsoError {
    /// The provider is not reached, or breaks off.
    #[error("the provider is not reached: {0}")]
    Unreachable(#[from] reqwest::Error),
    /// Its answer is longer than this crate reads.
    #[error("the provider's answer is too long")]
    TooLong,
    /// It answers with an error.
    #[error("the provider answers {0}")]
    Denied(String),
    /// Its answer makes no sense.
    #[error("the provider's answer makes no sense: {0}")]
    Nonsense(String),
    /// Its word is not to be believed.
    #[error("the ID token is not valid: {0}")]
    NotValid(&'static str),
    /// What was brought back is for another kind of provider.
    #[error("what came back does not belong to this provider")]
    Mixed,
}

/// All providers of a server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SignOn(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    providers: Vec<Provider>,
}

/// One provider.
#[derive(Debug)]
pub struct Provider {
    settings: ProviderSettings,
    kind: Kind,
    turns: Arc<Semaphore>,
}

#[derive(Debug)]
enum Kind {
    OpenId(Box<openid::OpenId>),
    Cas(cas::Cas),
}

impl SignOn {
    /// Providers that are asked with `http`, which must follow no redirects.
    pub fn new(providers: Vec<ProviderSettings>, http: &reqwest::Client) -> Self {
        signatures::install();
        let turns = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let provider = |settings: ProviderSettings| Provider {
            kind: match settings.protocol.clone() {
                Protocol::OpenId(openid) => {
                    Kind::OpenId(Box::new(openid::OpenId::new(*openid, http.clone())))
                }
                Protocol::Cas {
                    server_url,
                    validate_path,
                } => Kind::Cas(cas::Cas {
                    http: http.clone(),
                    server_url,
                    validate_path,
                }),
            },
            settings,
            turns: turns.clone(),
        };
        let providers = providers.into_iter().map(provider).collect();
        Self(Arc::new(Inner { providers }))
    }

    /// All of them, in the operator's order.
    pub fn providers(&self) -> &[Provider] {
        &self.0.providers
    }

    /// The one of that id.
    pub fn find(&self, id: &str) -> Option<&Provider> {
        self.0.providers.iter().find(|it| it.settings.id == id)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.providers.is_empty()
    }
}

impl Provider {
    /// What the operator decided.
    pub fn settings(&self) -> &ProviderSettings {
        &self.settings
    }

    /// Where to send somebody, who comes back to `callback`.
    ///
    /// # Errors
    /// If the provider does not say where that is.
    pub async fn begin(
        &self,
        attempt: &Attempt,
        callback: &str,
        now_ms: u64,
    ) -> Result<Url, SsoError> {
        match &self.kind {
            Kind::OpenId(openid) => {
                let _turn = self.turns.acquire().await;
                openid.begin(attempt, callback, now_ms).await
            }
            Kind::Cas(cas) => cas.begin(attempt, callback),
        }
    }

    /// Who came back to `callback` with this, in that attempt.
    ///
    /// # Errors
    /// [`SsoError`] says why nobody knows.
    pub async fn finish(
        &self,
        returned: Returned<'_>,
        attempt: &Attempt,
        callback: &str,
        now_ms: u64,
    ) -> Result<Person, SsoError> {
        let _turn = self.turns.acquire().await;
        let (subject, claims) = match (&self.kind, returned) {
            (Kind::OpenId(openid), Returned::Code { code, issuer }) => {
                openid
                    .finish(code, issuer, attempt, callback, now_ms)
                    .await?
            }
            (Kind::Cas(cas), Returned::Ticket(ticket)) => {
                cas.finish(ticket, attempt, callback).await?
            }
            _ => return Err(SsoError::Mixed),
        };
        self.person(subject, &claims)
    }

    fn person(&self, subject: String, claims: &Map<String, Value>) -> Result<Person, SsoError> {
        if subject.is_empty() || subject.len() > MAX_SUBJECT_BYTES || subject.contains('\0') {
            return Err(SsoError::NotValid("its subject"));
        }
        let display_name = self.settings.display_name.as_ref();
        Ok(Person {
            subject,
            localpart: self.settings.localpart.fill(claims),
            display_name: display_name.and_then(|template| template.fill(claims)),
        })
    }
}

#[cfg(test)]
#[path = "lib_test.rs"]
mod lib_test;
