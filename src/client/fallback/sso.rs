use axum::response::Response;
use causeway_users::sso::Errand;
use http::header::SET_COOKIE;

use crate::client::error::ApiError;
use crate::client::page::{self, escape};
use crate::client::sso::Desk;

/// The page of `m.login.sso`. It says what is to be confirmed, so that nobody is led to do it unseen;
/// each provider that knows the user is a link.
pub(super) async fn show(desk: &Desk, session: &str) -> Result<Response, ApiError> {
    let Some((user_id, action)) = desk.users.to_be_confirmed(session).await? else {
        return Ok(super::too_old());
    };
    let ways = desk.users.ways_in(&user_id).await?;
    let mut cookies = Vec::new();
    let mut links = String::new();
    for id in &ways.providers {
        let Some(provider) = desk.sign_on.find(id) else {
            continue;
        };
        let errand = Errand::Confirm(session.to_owned());
        match desk.send(provider, errand).await? {
            Ok(sent) => {
                let (url, name) = (escape(&sent.url), escape(&provider.settings().name));
                links.push_str(&format!("<li><a href=\"{url}\">{name}</a></li>"));
                cookies.push(sent.cookie);
            }
            // Another one may do.
            Err(page) if ways.providers.len() == 1 => return Ok(page),
            Err(_) => {}
        }
    }
    let body = format!(
        "<h1>Was it you?</h1><p>A client that is logged in as <b>{user}</b> wants to <b>{wish}</b>. \
         If it was you who asked for that, confirm it with:</p><ul>{links}</ul><p>If not, close this \
         page.</p>",
        user = escape(user_id.as_str()),
        wish = escape(&wish(&action)),
    );
    let mut response = page::show("Confirm", &body);
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// What is to be done, for people.
fn wish(action: &str) -> String {
    let (verb, target) = action.split_once(' ').unwrap_or((action, ""));
    let text = match verb {
        "delete_device" => "log out a device and remove it:",
        "delete_devices" => "log out devices and remove them:",
        "password" => "set a new password",
        "deactivate" => "close the account for good",
        "add_3pid" => "add an address to the account",
        "login_token" => "log in on another device",
        "cross_signing" => {
            return "replace the keys that prove who the account's owner is".to_owned();
        }
        other => other,
    };
    format!("{text} {target}").trim().to_owned()
}
