//! What the office must be told about this server.

use ruma::OwnedServerName;

use crate::captcha::Captcha;
use crate::password::HashCost;
use crate::secret::Secret;

/// What was decided for this server.
#[derive(Clone, Debug)]
pub struct UsersSettings {
    /// The name after the colon in user ids.
    pub server_name: OwnedServerName,
    /// Who may make an account.
    pub registration: RegistrationSettings,
    /// Whether `m.login.password` is offered.
    pub password_login: bool,
    /// Whether `m.login.token` is offered.
    pub token_login: bool,
    /// Identity providers by which people log in (`m.login.sso`), by their ids.
    pub sso_providers: Vec<String>,
    /// How long somebody may be on the way to an identity provider and back, in milliseconds.
    pub sso_attempt_lifetime_ms: u64,
    /// Life of a login token, in milliseconds.
    pub login_token_lifetime_ms: u64,
    /// Life of an access token that a refresh token can follow, in milliseconds.
    pub access_token_lifetime_ms: u64,
    /// Life of a user-interactive authentication session, in milliseconds.
    pub uia_session_lifetime_ms: u64,
    /// Shortest password, in characters.
    pub min_password_length: usize,
    /// Cost of a password hash.
    pub hash_cost: HashCost,
    /// Whether the default push rules push all encrypted events (MSC4028).
    pub push_encrypted_events: bool,
    /// E-mail addresses of accounts.
    pub email: EmailSettings,
    /// Whether this server speaks to others.
    pub federates: bool,
    /// Whether push gateways may be reached by plain `http`, too.
    pub push_plain_http: bool,
}

/// Who may make an account.
#[derive(Clone, Debug, Default)]
pub struct RegistrationSettings {
    /// Whether anybody may.
    pub open: bool,
    /// Whether a registration token is asked for.
    pub require_token: bool,
    /// Whether guests may come in.
    pub guests: bool,
    /// Whether a new account shows its localpart as its display name.
    pub name_from_localpart: bool,
    /// The secret of the administrators' own way.
    pub shared_secret: Option<Secret>,
    /// A riddle for who registers.
    pub captcha: Option<Captcha>,
    /// Documents to agree to.
    pub terms: Vec<Term>,
}

/// What people can do with e-mail addresses.
#[derive(Clone, Debug, Default)]
pub struct EmailSettings {
    /// Whether letters can be sent, so that addresses can be proved.
    pub offered: bool,
    /// Whether nobody registers without one.
    pub required_to_register: bool,
    /// Hosts that people may be led to when they have confirmed an address; none: any.
    pub next_link_hosts: Option<Vec<String>>,
}

/// A document that new users agree to.
#[derive(Clone, Debug)]
pub struct Term {
    /// As in `privacy_policy`.
    pub id: String,
    /// As in `1.2`.
    pub version: String,
    /// As in `en`.
    pub language: String,
    /// Its title.
    pub name: String,
    /// Its page.
    pub url: String,
}

impl UsersSettings {
    /// Settings for tests: open registration, guests, everything offered, the cheapest hash.
    pub fn for_tests(server_name: OwnedServerName) -> Self {
        Self {
            server_name,
            registration: RegistrationSettings {
                open: true,
                guests: true,
                name_from_localpart: true,
                ..Default::default()
            },
            password_login: true,
            token_login: true,
            sso_providers: Vec::new(),
            sso_attempt_lifetime_ms: 600_000,
            login_token_lifetime_ms: 120_000,
            access_token_lifetime_ms: 300_000,
            uia_session_lifetime_ms: 900_000,
            min_password_length: 1,
            hash_cost: HashCost::CHEAPEST,
            push_encrypted_events: false,
            email: EmailSettings::default(),
            federates: false,
            push_plain_http: false,
        }
    }
}
