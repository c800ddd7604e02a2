//! What the handlers of logins by identity providers share: setting out, and the cookie.

use std::sync::Arc;

use axum::extract::FromRef;
use axum::response::Response;
use causeway_sso::{Attempt, Provider, SignOn, SsoError};
use causeway_store::Clock;
use causeway_users::Users;
use causeway_users::sso::Errand;
use http::header::{COOKIE, HeaderValue};
use http::{HeaderMap, StatusCode};

use crate::client::error::ApiError;
use crate::client::page::{self, escape};
use crate::config::Settings;
use crate::server::state::AppState;

/// Where providers lead people back to. Below the client API, which every proxy in front of a
/// server brings here.
pub const CALLBACK: &str = "/_matrix/client/unstable/causeway/sso/callback";

/// Name of the cookies, each followed by the beginning of its state: somebody may log in in two tabs.
const COOKIE_NAME: &str = "causeway_sso_";

/// How much of a state the name of its cookie holds; the rest is more than nobody guesses.
const MARK_LETTERS: usize = 14;

/// Longest `Cookie` header that is looked at, in bytes.
const MAX_COOKIE_BYTES: usize = 16_384;

/// The part of the server that leads people to identity providers.
#[derive(Clone)]
pub struct Desk {
    /// Accounts.
    pub users: Users,
    /// The providers.
    pub sign_on: SignOn,
    /// The time.
    pub clock: Clock,
    /// What the operator decided.
    pub settings: Arc<Settings>,
}

impl FromRef<AppState> for Desk {
    fn from_ref(state: &AppState) -> Self {
        Self {
            users: state.users.clone(),
            sign_on: state.sign_on.clone(),
            clock: state.clock.clone(),
            settings: state.settings.clone(),
        }
    }
}

/// Somebody who is sent to a provider.
pub struct Sent {
    /// Where.
    pub url: String,
    /// The cookie that they need to come back.
    pub cookie: HeaderValue,
}

impl Desk {
    /// The address that providers lead back to.
    pub fn callback_url(&self) -> String {
        format!("{}{CALLBACK}", self.settings.public_base_url())
    }

    /// Somebody sets out for `provider`. The page says it where that cannot be reached.
    pub async fn send(
        &self,
        provider: &Provider,
        errand: Errand,
    ) -> Result<Result<Sent, Response>, ApiError> {
        let id = &provider.settings().id;
        let set_out = self.users.set_out(id, errand).await?;
        let attempt = Attempt {
            state: set_out.state.expose().to_owned(),
            nonce: set_out.nonce,
            verifier: set_out.verifier,
        };
        let now_ms = self.clock.now_ms();
        let url = match provider.begin(&attempt, &self.callback_url(), now_ms).await {
            Ok(url) => url.into(),
            Err(error) => return Ok(Err(not_reached(provider, &error))),
        };
        let cookie = self.cookie(&attempt.state, set_out.cookie.expose());
        Ok(Ok(Sent { url, cookie }))
    }

    fn cookie(&self, state: &str, value: &str) -> HeaderValue {
        let seconds = self.settings.sso.attempt_lifetime_ms / 1_000;
        let base = self.settings.public_base_url();
        let secure = if base.starts_with("https:") {
            "; Secure"
        } else {
            ""
        };
        let name = cookie_name(state);
        let text = format!(
            "{name}={value}; Path={CALLBACK}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
        );
        // Tokens are letters, digits, `-` and `_`.
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
    }

    /// What takes the cookie of a state away.
    pub fn no_cookie(state: &str) -> HeaderValue {
        let name = cookie_name(state);
        let text = format!("{name}=; Path={CALLBACK}; Max-Age=0; HttpOnly; SameSite=Lax");
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
    }
}

/// The cookie's value that goes with a state.
pub fn cookie_of<'a>(headers: &'a HeaderMap, state: &str) -> Option<&'a str> {
    let name = cookie_name(state);
    let texts = headers.get_all(COOKIE).iter();
    texts
        .filter_map(|value| value.to_str().ok())
        .filter(|text| text.len() <= MAX_COOKIE_BYTES)
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

fn cookie_name(state: &str) -> String {
    let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || "-_".contains(*letter);
    let mark: String = state.chars().filter(is_plain).take(MARK_LETTERS).collect();
    format!("{COOKIE_NAME}{mark}")
}

/// The page where a provider is not there.
pub fn not_reached(provider: &Provider, error: &SsoError) -> Response {
    let settings = provider.settings();
    tracing::warn!(provider = settings.id, %error, "an identity provider does not help");
    let name = escape(&settings.name);
    let body = format!("<h1>{name} does not answer as it should</h1><p>Try again later.</p>");
    page::with_status(StatusCode::BAD_GATEWAY, "Login", &body)
}
