use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use causeway_sso::Provider;
use causeway_users::sso::Errand;
use http::StatusCode;
use http::header::{LOCATION, SET_COOKIE};
use ruma::api::client::session::{sso_login, sso_login_with_provider};

use super::client_url::ClientUrl;
use super::desk::{Desk, Sent};
use crate::client::error::ApiError;
use crate::client::extract::Ruma;
use crate::client::page::{self, escape};

/// Where somebody chooses among providers.
const CHOICES: &str = "/_matrix/client/v3/login/sso/redirect/";

/// `GET /_matrix/client/v3/login/sso/redirect`: people choose where there are several providers.
pub async fn to_any(
    State(desk): State<Desk>,
    Ruma(request): Ruma<sso_login::v3::Request>,
) -> Result<Response, ApiError> {
    let client = ClientUrl::parse(&request.redirect_url)?;
    match desk.sign_on.providers() {
        [] => Err(ApiError::not_found("No identity provider is offered")),
        [provider] => send(&desk, provider, &client).await,
        several => Ok(choice(several, &client)),
    }
}

/// `GET /_matrix/client/v3/login/sso/redirect/{idpId}`
pub async fn to_one(
    State(desk): State<Desk>,
    Ruma(request): Ruma<sso_login_with_provider::v3::Request>,
) -> Result<Response, ApiError> {
    let client = ClientUrl::parse(&request.redirect_url)?;
    let provider = desk.sign_on.find(&request.idp_id);
    let provider =
        provider.ok_or_else(|| ApiError::not_found("There is no identity provider of this id"))?;
    send(&desk, provider, &client).await
}

async fn send(desk: &Desk, provider: &Provider, client: &ClientUrl) -> Result<Response, ApiError> {
    let errand = Errand::Login(client.as_str().to_owned());
    Ok(match desk.send(provider, errand).await? {
        Ok(Sent { url, cookie }) => {
            let mut response = Redirect::to(&url).into_response();
            // The specification's status; nothing is posted here.
            *response.status_mut() = StatusCode::FOUND;
            response.headers_mut().append(SET_COOKIE, cookie);
            debug_assert!(response.headers().contains_key(LOCATION));
            response
        }
        Err(page) => page,
    })
}

fn choice(providers: &[Provider], client: &ClientUrl) -> Response {
    let mut body = "<h1>Log in with</h1><ul>".to_owned();
    for provider in providers {
        let settings = provider.settings();
        // Ids are letters that URLs may hold.
        let url = client.as_parameter(&format!("{CHOICES}{}", settings.id));
        let (url, name) = (escape(&url), escape(&settings.name));
        body.push_str(&format!("<li><a href=\"{url}\">{name}</a></li>"));
    }
    body.push_str("</ul>");
    page::show("Login", &body)
}
