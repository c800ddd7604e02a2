//! Pages on which people pass a stage of user-interactive authentication that their client does not
//! know. Specification: client-server API, "Fallback" of "User-Interactive Authentication API".

pub mod routes;
mod sso;
mod stages;

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;

use super::error::ApiError;
use super::page::{self, Script};
use super::parameters::{InPath, InQuery};
use super::sso::Desk;
use crate::server::entrance::Entrance;
use crate::server::record::RequestRecord;

/// The session that a page is for.
#[derive(Deserialize)]
pub struct Session {
    session: String,
}

/// `GET /_matrix/client/v3/auth/{auth_type}/fallback/web`
pub async fn show(
    State(desk): State<Desk>,
    State(entrance): State<Entrance>,
    Extension(record): Extension<Arc<RequestRecord>>,
    InPath(stage): InPath<String>,
    InQuery(Session { session }): InQuery<Session>,
) -> Result<Response, ApiError> {
    entrance.check_request(&record)?;
    match stage.as_str() {
        "m.login.sso" => sso::show(&desk, &session).await,
        stage => stages::show(&desk, stage, &session, None),
    }
}

/// What the form of a page brings.
#[derive(Deserialize)]
pub struct Submitted {
    session: String,
    token: Option<String>,
    /// Both services fill it in.
    #[serde(rename = "g-recaptcha-response")]
    riddle: Option<String>,
}

/// `POST /_matrix/client/v3/auth/{auth_type}/fallback/web`: the button of such a page.
pub async fn submit(
    State(desk): State<Desk>,
    State(entrance): State<Entrance>,
    Extension(record): Extension<Arc<RequestRecord>>,
    InPath(stage): InPath<String>,
    form: Result<Form<Submitted>, FormRejection>,
) -> Result<Response, ApiError> {
    entrance.check_request(&record)?;
    let Form(submitted) = form.map_err(|error| ApiError::invalid_param(error.body_text()))?;
    stages::submit(&desk, &stage, &submitted).await
}

/// The page for a session that is not there.
fn too_old() -> Response {
    let body = "<h1>This page is too old</h1><p>Begin again in your client.</p>";
    page::with_status(StatusCode::NOT_FOUND, "Confirm", body)
}

/// What the page runs at its end; clients wait for one or the other.
const TELL: &str = "if(window.onAuthDone){window.onAuthDone()}else if(window.opener&&\
                    window.opener.postMessage){window.opener.postMessage(\"authDone\",\"*\")}";

/// The hash of [`TELL`].
const TELL_POLICY: &str = "script-src 'sha256-FqFbwG7fjoZV7bBMz61s/50anPoWoZpHkiff+Lt+AgE='";

/// The page at the end: the stage is passed, and the client is told.
pub fn done() -> Response {
    let html = format!("<script>{TELL}</script>");
    let script = Script {
        html: &html,
        policy: TELL_POLICY,
    };
    let body = "<h1>Confirmed</h1><p>Go on in your client. This page can be closed.</p>";
    page::with_script("Confirmed", body, &script)
}

#[cfg(test)]
#[path = "mod_test.rs"]
mod mod_test;
