use axum::extract::State;
use causeway_users::Users;
use ruma::api::client::session::get_login_types::v3::{
    LoginType, PasswordLoginType, Request, Response, TokenLoginType,
};

use crate::client::answer::Answer;
use crate::client::extract::Ruma;

/// `GET /_matrix/client/v3/login`
pub async fn flows(State(users): State<Users>, _: Ruma<Request>) -> Answer<Response> {
    let mut flows = Vec::with_capacity(2);
    if users.settings().password_login {
        flows.push(LoginType::Password(PasswordLoginType::new()));
    }
    if users.settings().token_login {
        let mut token = TokenLoginType::new();
        token.get_login_token = true;
        flows.push(LoginType::Token(token));
    }
    Answer(Response::new(flows))
}
