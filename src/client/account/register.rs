use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use causeway_users::registration::{RegisterWish, Registered};
use causeway_users::secret::Secret;
use causeway_users::sessions::{DeviceWish, LoggedIn};
use ruma::UserId;
use ruma::api::client::account::register::RegistrationKind;
use ruma::api::client::account::register::v3::Request;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::error::ApiError;
use crate::client::extract::RumaAnd;

/// What a guest adds who wants a full account (client-server, "Guest access").
#[derive(Deserialize)]
pub struct Upgrade {
    guest_access_token: Option<String>,
}

/// `POST /_matrix/client/v3/register`
///
/// The answer is not ruma's, which would write `device_id: null` for `inhibit_login`.
pub async fn register(
    State(users): State<Users>,
    RumaAnd(request, upgrade): RumaAnd<Request, Upgrade>,
) -> Result<Json<Value>, ApiError> {
    match request.kind {
        RegistrationKind::User => {}
        RegistrationKind::Guest => {
            let name = request.initial_device_display_name;
            let login = users.register_guest(name).await?;
            return Ok(Json(answer(&login.user_id, Some(&login))));
        }
        _ => return Err(ApiError::unknown("This kind of account is not offered")),
    }
    if request.login_type.is_some() {
        return Err(ApiError::forbidden(
            "Application services register with their own token",
        ));
    }
    let wish = RegisterWish {
        username: request.username,
        password: request.password.map(Secret::new),
        device: DeviceWish {
            device_id: request.device_id,
            display_name: request.initial_device_display_name,
            refresh_token: request.refresh_token,
        },
        inhibit_login: request.inhibit_login,
        guest_token: upgrade.guest_access_token.map(Secret::new),
    };
    match users.register(wish, request.auth.as_ref()).await? {
        Registered::Done { user_id, login } => Ok(Json(answer(&user_id, login.as_ref()))),
        Registered::Challenged(challenge) => Err(challenge.into()),
    }
}

/// The answer to a registration, with the tokens where there is a login.
pub fn answer(user_id: &UserId, login: Option<&LoggedIn>) -> Value {
    let mut answer = json!({ "user_id": user_id, "home_server": user_id.server_name() });
    if let Some(login) = login {
        answer["device_id"] = json!(login.device_id);
        answer["access_token"] = json!(login.tokens.access.expose());
        if let Some(refresh) = &login.tokens.refresh {
            answer["refresh_token"] = json!(refresh.expose());
        }
        if let Some(expires_in_ms) = login.tokens.expires_in_ms {
            answer["expires_in_ms"] = json!(expires_in_ms);
        }
    }
    answer
}
