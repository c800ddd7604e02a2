//! The pages of stages that are passed here: documents, registration tokens, riddles. What is asked for
//! is the same for everybody, so a page tells nothing about its session before its button is pressed.

use axum::response::Response;
use causeway_users::uia::{OnPage, PageVerdict, Stage};

use super::Submitted;
use crate::client::error::ApiError;
use crate::client::page::{self, Script, escape};
use crate::client::sso::Desk;

/// The page of a stage, with what was wrong the last time.
pub(super) fn show(
    desk: &Desk,
    stage: &str,
    session: &str,
    why: Option<&str>,
) -> Result<Response, ApiError> {
    let settings = desk.users.settings();
    let why = why.map_or_else(String::new, |why| format!("<p><b>{}</b></p>", escape(why)));
    let form = |fields: &str, button: &str| {
        let session = escape(session);
        format!(
            "{why}<form method=\"post\"><input type=\"hidden\" name=\"session\" \
             value=\"{session}\">{fields}<p><button>{button}</button></p></form>"
        )
    };
    match Stage::from_name(stage) {
        Some(Stage::Terms) if !settings.registration.terms.is_empty() => {
            let mut body = "<h1>Do you agree?</h1><ul>".to_owned();
            for term in &settings.registration.terms {
                let (url, name) = (escape(&term.url), escape(&term.name));
                body.push_str(&format!(
                    "<li><a href=\"{url}\" target=\"_blank\" rel=\"noopener\">{name}</a></li>"
                ));
            }
            let body = format!("{body}</ul>{}", form("", "I agree"));
            Ok(page::show("Documents", &body))
        }
        Some(Stage::RegistrationToken) if settings.registration.require_token => {
            let field = "<label>Registration token <input name=\"token\" required \
                         autocomplete=\"off\"></label>";
            let body = format!("<h1>Registration token</h1>{}", form(field, "Go on"));
            Ok(page::show("Registration token", &body))
        }
        Some(Stage::Captcha) => {
            let captcha = desk.settings.captcha.as_ref();
            let captcha = captcha.ok_or_else(ApiError::unrecognized_path)?;
            let widget = &captcha.widget;
            let (class, key) = (widget.class, escape(&captcha.site_key));
            let field = format!("<div class=\"{class}\" data-sitekey=\"{key}\"></div>");
            let body = format!("<h1>Are you a person?</h1>{}", form(&field, "Go on"));
            let url = widget.script_url;
            let script = Script {
                html: &format!("<script src=\"{url}\" async defer></script>"),
                policy: widget.policy,
            };
            Ok(page::with_script("Captcha", &body, &script))
        }
        _ => Err(ApiError::unrecognized_path()),
    }
}

/// What the button of the page does.
pub(super) async fn submit(
    desk: &Desk,
    stage: &str,
    submitted: &Submitted,
) -> Result<Response, ApiError> {
    let settings = &desk.users.settings().registration;
    let given = match Stage::from_name(stage) {
        Some(Stage::Terms) if !settings.terms.is_empty() => OnPage::Agreed,
        Some(Stage::RegistrationToken) if settings.require_token => {
            OnPage::Token(submitted.token.as_deref().unwrap_or_default())
        }
        Some(Stage::Captcha) if settings.captcha.is_some() => {
            OnPage::Riddle(submitted.riddle.as_deref().unwrap_or_default())
        }
        _ => return Err(ApiError::unrecognized_path()),
    };
    let session = &submitted.session;
    match desk.users.pass_on_page(session, given).await? {
        PageVerdict::Passed => Ok(super::done()),
        PageVerdict::Failed(why) => show(desk, stage, session, Some(why)),
        PageVerdict::NoSession => Ok(super::too_old()),
    }
}
