//! E-mail addresses of accounts: letters with links, and what they open. The mail server is the
//! test's own.

mod accounts;
mod letters;

use causeway_testkit::{Call, MailServer, TestClient, v3};
use serde_json::{Value, json};

const PAGE: &str = "/_matrix/client/unstable/causeway/email/submit_token";

/// A wish for a letter.
fn wish(email: &str, secret: &str, attempt: u64) -> Value {
    json!({"email": email, "client_secret": secret, "send_attempt": attempt})
}

fn to_register() -> String {
    v3(&["register", "email", "requestToken"])
}

fn to_add() -> String {
    v3(&["account", "3pid", "email", "requestToken"])
}

fn for_password() -> String {
    v3(&["account", "password", "email", "requestToken"])
}

/// Session id and token in the newest letter's link.
fn link_of(mail: &MailServer, address: &str) -> (String, String) {
    let letter = mail.newest_to(address);
    let link = letter.link().expect("a link");
    let (_, query) = link.split_once(&format!("{PAGE}?sid=")).expect("our page");
    let (sid, token) = query.split_once("&token=").expect("a token");
    (sid.to_owned(), token.to_owned())
}

fn submit(client: &TestClient, sid: &str, token: &str) -> Call {
    let body = json!({"sid": sid, "token": token});
    client.post(PAGE, body).anonymous().unspecified()
}

/// Presses the button of the newest letter's page.
async fn confirm(client: &TestClient, mail: &MailServer, address: &str) {
    let (sid, token) = link_of(mail, address);
    assert_eq!(submit(client, &sid, &token).await["success"], true);
}

fn proof(sid: &Value, secret: &str) -> Value {
    json!({"type": "m.login.email.identity",
           "threepid_creds": {"sid": sid, "client_secret": secret}})
}

/// Adds a confirmed address to the account of `user`.
async fn add(user: &TestClient, mail: &MailServer, address: &str) {
    let begun = user
        .post(to_add(), wish(address, "adds", 1))
        .anonymous()
        .await;
    confirm(user, mail, address).await;
    let body = json!({"sid": begun["sid"], "client_secret": "adds"});
    add_call(user, body).await;
}

fn add_call(user: &TestClient, mut body: Value) -> Call {
    body["auth"] = user.password_auth(&json!({}));
    if let Some(auth) = body["auth"].as_object_mut() {
        auth.remove("session");
    }
    user.post(v3(&["account", "3pid", "add"]), body)
}

async fn addresses(user: &TestClient) -> Vec<String> {
    let list = user.get(v3(&["account", "3pid"])).await;
    let list = list["threepids"].as_array().cloned().unwrap_or_default();
    let address = |it: &Value| it["address"].as_str().unwrap_or_default().to_owned();
    list.iter().map(address).collect()
}

fn login_by(client: &TestClient, address: &str, password: &str) -> Call {
    let identifier = json!({"type": "m.id.thirdparty", "medium": "email", "address": address});
    let body = json!({"type": "m.login.password", "identifier": identifier, "password": password});
    client.post(v3(&["login"]), body).anonymous()
}
