//! E-mail addresses of an account. Telephone numbers are not known here. What is bound at identity
//! servers is not taken away there, which the answers say.

use axum::Json;
use axum::extract::State;
use causeway_identity::{IdentityServers, Named};
use causeway_users::Users;
use ruma::api::client::account::{
    ThirdPartyIdRemovalStatus, add_3pid, bind_3pid, delete_3pid, get_3pids, unbind_3pid,
};
use ruma::thirdparty::Medium;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::json_body::JsonBody;
use crate::client::uia;
use crate::server::entrance::Entrance;

/// What an addition must be authenticated for.
const ACTION: &str = "add_3pid";

/// `GET /_matrix/client/v3/account/3pid`
pub async fn list(
    State(users): State<Users>,
    session: Session,
    _: Ruma<get_3pids::v3::Request>,
) -> Result<Json<Value>, ApiError> {
    let emails = users.emails_of(&session.user_id).await?;
    let threepids: Vec<Value> = emails
        .into_iter()
        .map(|email| {
            json!({
                "medium": "email",
                "address": email.address,
                "validated_at": email.validated_at,
                "added_at": email.added_at,
            })
        })
        .collect();
    Ok(Json(json!({ "threepids": threepids })))
}

/// `POST /_matrix/client/v3/account/3pid/add`
pub async fn add(
    State(users): State<Users>,
    State(entrance): State<Entrance>,
    session: Session,
    Ruma(request): Ruma<add_3pid::v3::Request>,
) -> Result<Answer<add_3pid::v3::Response>, ApiError> {
    let auth = request.auth.as_ref();
    let passed = uia::confirm(&users, &entrance, &session, ACTION, auth).await?;
    let (sid, client_secret) = (request.sid.as_str(), request.client_secret.as_str());
    users
        .add_email(&session.user_id, sid, client_secret)
        .await?;
    users.finish_uia(&passed).await?;
    Ok(Answer(add_3pid::v3::Response::new()))
}

/// The older form of [`add`]. The identity server that it names is not asked: addresses are proved
/// here.
#[derive(Deserialize)]
pub struct Deprecated {
    three_pid_creds: Credentials,
    auth: Option<Value>,
}

#[derive(Deserialize)]
struct Credentials {
    sid: String,
    client_secret: String,
}

/// `POST /_matrix/client/v3/account/3pid`. As [`add`], it asks for the password: with an address
/// on the account its password can be replaced.
pub async fn add_deprecated(
    State(users): State<Users>,
    State(entrance): State<Entrance>,
    session: Session,
    JsonBody(body): JsonBody<Deprecated>,
) -> Result<Json<Value>, ApiError> {
    let auth = uia::auth(body.auth)?;
    let passed = uia::confirm(&users, &entrance, &session, ACTION, auth.as_ref()).await?;
    let Credentials { sid, client_secret } = &body.three_pid_creds;
    users
        .add_email(&session.user_id, sid, client_secret)
        .await?;
    users.finish_uia(&passed).await?;
    Ok(Json(json!({})))
}

/// `POST /_matrix/client/v3/account/3pid/bind`
pub async fn bind(
    State(identity): State<IdentityServers>,
    session: Session,
    Ruma(request): Ruma<bind_3pid::v3::Request>,
) -> Result<Answer<bind_3pid::v3::Response>, ApiError> {
    let info = &request.identity_server_info;
    let at = Named {
        server: &info.id_server,
        access_token: &info.id_access_token,
    };
    let (sid, client_secret) = (request.sid.as_str(), request.client_secret.as_str());
    identity
        .bind(at, sid, client_secret, &session.user_id)
        .await?;
    Ok(Answer(bind_3pid::v3::Response::new()))
}

/// `POST /_matrix/client/v3/account/3pid/delete`. At which identity server an address was bound is not
/// known here: `no-support`.
pub async fn delete(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<delete_3pid::v3::Request>,
) -> Result<Answer<delete_3pid::v3::Response>, ApiError> {
    if request.medium == Medium::Email {
        users
            .remove_email(&session.user_id, &request.address)
            .await?;
    }
    let status = ThirdPartyIdRemovalStatus::NoSupport;
    Ok(Answer(delete_3pid::v3::Response::new(status)))
}

/// `POST /_matrix/client/v3/account/3pid/unbind`
pub async fn unbind(
    _: Session,
    _: Ruma<unbind_3pid::v3::Request>,
) -> Answer<unbind_3pid::v3::Response> {
    Answer(unbind_3pid::v3::Response::new(
        ThirdPartyIdRemovalStatus::NoSupport,
    ))
}
