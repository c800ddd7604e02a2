use axum::Json;
use axum::extract::State;
use causeway_sso::{Provider, SignOn};
use causeway_users::Users;
use ruma::api::client::session::get_login_types::v3::Request;
use serde_json::{Value, json};

use crate::client::extract::Ruma;

/// `GET /_matrix/client/v3/login`
pub async fn flows(
    State(users): State<Users>,
    State(sign_on): State<SignOn>,
    _: Ruma<Request>,
) -> Json<Value> {
    let mut flows = Vec::with_capacity(3);
    if users.settings().password_login {
        flows.push(json!({ "type": "m.login.password" }));
    }
    if !sign_on.is_empty() {
        let providers: Vec<_> = sign_on.providers().iter().map(described).collect();
        flows.push(json!({ "type": "m.login.sso", "identity_providers": providers }));
    }
    if users.offers_tokens() {
        let mut token = json!({ "type": "m.login.token" });
        if users.settings().token_login {
            token["get_login_token"] = true.into();
        }
        flows.push(token);
    }
    Json(json!({ "flows": flows }))
}

/// A provider as clients read of it. ruma's type would write null for what is not there.
fn described(provider: &Provider) -> Value {
    let settings = provider.settings();
    let mut described = json!({ "id": settings.id, "name": settings.name });
    if let Some(icon) = &settings.icon {
        described["icon"] = icon.as_str().into();
    }
    if let Some(brand) = &settings.brand {
        described["brand"] = brand.as_str().into();
    }
    described
}
