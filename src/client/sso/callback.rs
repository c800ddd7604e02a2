use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use causeway_sso::{Attempt, Person, Provider, Returned, SsoError};
use causeway_users::sso::{CameBack, Errand, Known, SsoLoginError};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use ruma::UserId;
use serde::Deserialize;

use super::client_url::ClientUrl;
use super::desk::{self, Desk};
use crate::client::error::ApiError;
use crate::client::fallback;
use crate::client::page::{self, escape};
use crate::client::parameters::InQuery;

/// What a provider sends people back with.
#[derive(Deserialize)]
pub struct Brought {
    state: String,
    code: Option<String>,
    iss: Option<String>,
    ticket: Option<String>,
    error: Option<String>,
}

/// `GET`: somebody comes back from an identity provider.
pub async fn callback(
    State(desk): State<Desk>,
    headers: HeaderMap,
    InQuery(brought): InQuery<Brought>,
) -> Result<Response, ApiError> {
    let cookie = desk::cookie_of(&headers, &brought.state).unwrap_or_default();
    let found = desk.users.come_back(&brought.state, cookie).await?;
    let Some(found) = found else {
        return Ok(refused(
            "This login does not go on",
            "It took too long, was used already, or began in another browser. Begin again in your \
             client.",
        ));
    };
    let mut response = match desk.sign_on.find(&found.provider) {
        None => refused(
            "This login does not go on",
            "Its provider is not offered any more.",
        ),
        Some(provider) => match who(&desk, provider, &brought, &found).await {
            Ok(person) => go_on(&desk, provider, &person, found.errand).await?,
            Err(error) => not_known(provider, &error),
        },
    };
    let headers = response.headers_mut();
    headers.append(SET_COOKIE, Desk::no_cookie(&brought.state));
    Ok(response)
}

async fn who(
    desk: &Desk,
    provider: &Provider,
    brought: &Brought,
    found: &CameBack,
) -> Result<Person, SsoError> {
    let attempt = Attempt {
        state: brought.state.clone(),
        nonce: found.nonce.clone(),
        verifier: found.verifier.clone(),
    };
    let returned = match (&brought.code, &brought.ticket) {
        (Some(code), None) => Returned::Code {
            code,
            issuer: brought.iss.as_deref(),
        },
        (None, Some(ticket)) => Returned::Ticket(ticket),
        _ => {
            let why = brought.error.as_deref().unwrap_or("nothing");
            let why = why.chars().filter(char::is_ascii_graphic).take(64);
            return Err(SsoError::Denied(why.collect()));
        }
    };
    let now_ms = desk.clock.now_ms();
    provider
        .finish(returned, &attempt, &desk.callback_url(), now_ms)
        .await
}

async fn go_on(
    desk: &Desk,
    provider: &Provider,
    person: &Person,
    errand: Errand,
) -> Result<Response, ApiError> {
    let settings = provider.settings();
    let known = Known {
        provider: &settings.id,
        subject: &person.subject,
        localpart: person.localpart.as_deref(),
        display_name: person.display_name.as_deref(),
        // Who confirms something has an account.
        creates_accounts: settings.creates_accounts && matches!(errand, Errand::Login(_)),
        links_existing: settings.links_existing && matches!(errand, Errand::Login(_)),
    };
    let done = match desk.users.account_of(&known).await {
        Ok(user_id) => match errand {
            Errand::Login(url) => return log_in(desk, &user_id, &url).await,
            Errand::Confirm(session) => desk.users.confirm_by_sso(&session, &user_id).await,
        },
        Err(error) => Err(error),
    };
    match done {
        Ok(()) => Ok(fallback::done()),
        Err(error) => no_account(provider, error),
    }
}

async fn log_in(desk: &Desk, user_id: &UserId, url: &str) -> Result<Response, ApiError> {
    let client = ClientUrl::parse(url)?;
    let token = desk.users.sso_login_token(user_id).await?;
    let url = client.with_token(token.expose());
    if client.is_trusted(&desk.settings.sso.trusted_clients) {
        return Ok(Redirect::to(&url).into_response());
    }
    let body = format!(
        "<h1>Log in to {site}?</h1><p>A client at <b>{site}</b> will have all of the account \
         <b>{user}</b>. Go on only if you began this login there.</p><p><a href=\"{url}\">Go on to \
         {site}</a></p><p>If not, close this page.</p>",
        site = escape(&client.site()),
        user = escape(user_id.as_str()),
        url = escape(&url),
    );
    Ok(page::show("Login", &body))
}

/// The page for people whom the provider does not know, or whose word is not believed.
fn not_known(provider: &Provider, error: &SsoError) -> Response {
    match error {
        SsoError::Unreachable(_) | SsoError::TooLong | SsoError::Nonsense(_) => {
            return desk::not_reached(provider, error);
        }
        SsoError::Denied(_) | SsoError::NotValid(_) | SsoError::Mixed => {}
    }
    let settings = provider.settings();
    tracing::warn!(provider = settings.id, %error, "a login by an identity provider was refused");
    let text = format!(
        "{} did not say who you are. Begin again in your client.",
        settings.name
    );
    refused("You were not logged in", &text)
}

/// The page for people who are known, and have no account.
fn no_account(provider: &Provider, error: SsoLoginError) -> Result<Response, ApiError> {
    let name = &provider.settings().name;
    let text = match error {
        SsoLoginError::Closed => "There is no account for you here.".to_owned(),
        SsoLoginError::NoName => format!("{name} does not say what you would be called."),
        SsoLoginError::BadName(error) => {
            format!("What {name} calls you is no user name here: {error}.")
        }
        SsoLoginError::Taken => {
            "The user name that would be yours is somebody else's. Ask who runs this server."
                .to_owned()
        }
        SsoLoginError::Deactivated => "This account has been deactivated.".to_owned(),
        SsoLoginError::Locked => "This account is locked.".to_owned(),
        SsoLoginError::OtherUser => "Confirm it as the user who asks.".to_owned(),
        SsoLoginError::NoSession => "There is nothing to be confirmed any more.".to_owned(),
        SsoLoginError::Register(error) => return Err(error.into()),
        SsoLoginError::Store(error) => return Err(error.into()),
    };
    Ok(refused("You were not logged in", &text))
}

fn refused(title: &str, text: &str) -> Response {
    let (title, text) = (escape(title), escape(text));
    let body = format!("<h1>{title}</h1><p>{text}</p>");
    page::with_status(StatusCode::FORBIDDEN, "Login", &body)
}
