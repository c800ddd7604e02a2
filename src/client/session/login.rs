use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use causeway_users::login::Credentials;
use causeway_users::secret::Secret;
use causeway_users::sessions::DeviceWish;
use ruma::OwnedDeviceId;
use ruma::api::client::uiaa::UserIdentifier;
use serde::Deserialize;
use serde_json::Value;

use crate::client::account::register_answer;
use crate::client::error::ApiError;
use crate::client::json_body::JsonBody;
use crate::server::entrance::Entrance;
use crate::server::rate_limit::Action;

/// The body of a login. ruma's type panics where `type` is missing.
#[derive(Deserialize)]
pub struct Body {
    r#type: String,
    identifier: Option<UserIdentifier>,
    /// The older form of `identifier`.
    user: Option<String>,
    password: Option<String>,
    token: Option<String>,
    device_id: Option<OwnedDeviceId>,
    initial_device_display_name: Option<String>,
    #[serde(default)]
    refresh_token: bool,
}

/// `POST /_matrix/client/v3/login`
pub async fn login(
    State(users): State<Users>,
    State(entrance): State<Entrance>,
    JsonBody(body): JsonBody<Body>,
) -> Result<Json<Value>, ApiError> {
    if let Some(UserIdentifier::Email(id)) = &body.identifier {
        entrance.check_mailbox(Action::Login, &id.address)?;
    }
    let credentials = credentials(&users, &body).await?;
    if let Credentials::Password { user, .. } = &credentials
        && let Some(user_id) = users.resolve(user)
    {
        entrance.check_account(Action::Login, &user_id)?;
    }
    let device = DeviceWish {
        device_id: body.device_id,
        display_name: body.initial_device_display_name,
        refresh_token: body.refresh_token,
    };
    let login = users.login(credentials, device).await?;
    Ok(Json(register_answer(&login.user_id, Some(&login))))
}

async fn credentials(users: &Users, body: &Body) -> Result<Credentials, ApiError> {
    match body.r#type.as_str() {
        "m.login.password" => {
            let password = body.password.as_deref();
            let password =
                password.ok_or_else(|| ApiError::missing_param("password is missing"))?;
            let user = match (&body.identifier, &body.user) {
                (Some(identifier), _) => users.name_in(identifier).await?.unwrap_or_default(),
                (None, Some(user)) => user.clone(),
                (None, None) => return Err(ApiError::missing_param("identifier is missing")),
            };
            Ok(Credentials::Password {
                user,
                password: Secret::new(password),
            })
        }
        "m.login.token" => {
            let token = body.token.as_deref();
            let token = token.ok_or_else(|| ApiError::missing_param("token is missing"))?;
            Ok(Credentials::Token(Secret::new(token)))
        }
        _ => Err(ApiError::unknown("This login type is not offered")),
    }
}
