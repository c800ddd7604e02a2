//! The page that the link in a letter leads to. Opening it changes nothing, as programs open links in
//! letters, too: its button confirms the address.

use std::sync::Arc;

use axum::extract::{Form, FromRef, FromRequest, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Json, RequestExt as _};
use causeway_users::Users;
use causeway_users::emails::{Confirmed, EmailError, EmailPurpose};
use causeway_users::secret::Secret;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::json;

use crate::client::error::ApiError;
use crate::client::json_body::JsonBody;
use crate::client::page::{self, escape};
use crate::client::parameters::InQuery;
use crate::server::entrance::Entrance;
use crate::server::record::RequestRecord;

/// Where the page is. Below the client API, which every proxy in front of a server brings here.
pub const PATH: &str = "/_matrix/client/unstable/causeway/email/submit_token";

/// The link for a letter.
pub fn link(base_url: &str, sid: &str, token: &Secret) -> String {
    // Both are letters, digits, `_` and `-`.
    format!("{base_url}{PATH}?sid={sid}&token={}", token.expose())
}

/// What stands in the link.
#[derive(Deserialize)]
pub struct Followed {
    sid: String,
    token: String,
}

/// What is sent to confirm, by a form or as JSON.
pub struct Submitted {
    followed: Followed,
    is_json: bool,
}

impl<S> FromRequest<S> for Submitted
where
    Entrance: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let content_type = request.headers().get(CONTENT_TYPE);
        let is_form = content_type.is_some_and(|value| {
            value
                .as_bytes()
                .starts_with(b"application/x-www-form-urlencoded")
        });
        if !is_form {
            let JsonBody(followed) = JsonBody::from_request(request, state).await?;
            return Ok(Self {
                followed,
                is_json: true,
            });
        }
        if let Some(record) = request.extensions().get::<Arc<RequestRecord>>() {
            Entrance::from_ref(state).check_request(record)?;
        }
        match request.extract::<Form<Followed>, _>().await {
            Ok(Form(followed)) => Ok(Self {
                followed,
                is_json: false,
            }),
            Err(error) => Err(ApiError::invalid_param(error.body_text())),
        }
    }
}

/// `GET`: asks whether the address is to be confirmed.
pub async fn show(
    State(users): State<Users>,
    InQuery(followed): InQuery<Followed>,
) -> Result<Response, ApiError> {
    let token = Secret::new(followed.token.as_str());
    let found = match users.follow_link(&followed.sid, &token, false).await {
        Ok(found) => found,
        Err(EmailError::NotConfirmed) => return Ok(outdated()),
        Err(error) => return Err(error.into()),
    };
    let question = match found.purpose {
        EmailPurpose::Register => "Is this your e-mail address? An account is being made with it.",
        EmailPurpose::Password => {
            "Did you ask for a new password? Whoever asked will be able to set it."
        }
        EmailPurpose::Add => "Is this your e-mail address? It is being added to an account.",
    };
    let body = format!(
        "<h1>{}</h1><p>{question}</p><form method=\"post\" action=\"{PATH}\">\
         <input type=\"hidden\" name=\"sid\" value=\"{}\">\
         <input type=\"hidden\" name=\"token\" value=\"{}\">\
         <button>Yes, it was me</button></form><p>If not, close this page.</p>",
        escape(&found.address),
        escape(&followed.sid),
        escape(token.expose()),
    );
    Ok(page(&body))
}

/// `POST`: confirms the address.
pub async fn submit(
    State(users): State<Users>,
    submitted: Submitted,
) -> Result<Response, ApiError> {
    let Followed { sid, token } = submitted.followed;
    let confirmed = match users.follow_link(&sid, &Secret::new(token), true).await {
        Ok(confirmed) => Some(confirmed),
        Err(EmailError::NotConfirmed) => None,
        Err(error) => return Err(error.into()),
    };
    if submitted.is_json {
        // As an identity service answers (its "Email associations").
        return Ok(Json(json!({ "success": confirmed.is_some() })).into_response());
    }
    let Some(Confirmed { next_link, .. }) = confirmed else {
        return Ok(outdated());
    };
    Ok(match next_link {
        Some(next) => Redirect::to(&next).into_response(),
        None => page("<h1>Confirmed</h1><p>Go on in your client. This page can be closed.</p>"),
    })
}

/// For people, not for programs, which expect errors of this API to be JSON.
fn outdated() -> Response {
    page(
        "<h1>This link does not work</h1><p>It is too old, or a newer letter has taken its place. Ask \
         for another one in your client.</p>",
    )
}

fn page(body: &str) -> Response {
    page::show("E-mail address", body)
}
