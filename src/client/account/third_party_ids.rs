//! Addresses of third parties (e-mail, telephone). This server binds none, which the answers say.

use http::StatusCode;
use ruma::api::client::account::{
    ThirdPartyIdRemovalStatus, add_3pid, bind_3pid, delete_3pid, get_3pids,
    request_3pid_management_token_via_email, request_3pid_management_token_via_msisdn,
    request_password_change_token_via_email, request_password_change_token_via_msisdn,
    request_registration_token_via_email, request_registration_token_via_msisdn, unbind_3pid,
};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

fn denied() -> ApiError {
    ApiError::new(
        StatusCode::FORBIDDEN,
        "M_THREEPID_DENIED",
        "This server does not bind e-mail addresses or telephone numbers",
    )
}

fn unknown() -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "M_THREEPID_NOT_FOUND",
        "No account has this address",
    )
}

/// `GET /_matrix/client/v3/account/3pid`
pub async fn list(_: Session, _: Ruma<get_3pids::v3::Request>) -> Answer<get_3pids::v3::Response> {
    Answer(get_3pids::v3::Response::new(Vec::new()))
}

/// `POST /_matrix/client/v3/account/3pid/add`
pub async fn add(_: Session, _: Ruma<add_3pid::v3::Request>) -> ApiError {
    denied()
}

/// `POST /_matrix/client/v3/account/3pid`, the older form of [`add`].
pub async fn add_deprecated(_: Session) -> ApiError {
    denied()
}

/// `POST /_matrix/client/v3/account/3pid/bind`
pub async fn bind(_: Session, _: Ruma<bind_3pid::v3::Request>) -> ApiError {
    denied()
}

/// `POST /_matrix/client/v3/account/3pid/delete`
pub async fn delete(
    _: Session,
    _: Ruma<delete_3pid::v3::Request>,
) -> Answer<delete_3pid::v3::Response> {
    Answer(delete_3pid::v3::Response::new(
        ThirdPartyIdRemovalStatus::Success,
    ))
}

/// `POST /_matrix/client/v3/account/3pid/unbind`
pub async fn unbind(
    _: Session,
    _: Ruma<unbind_3pid::v3::Request>,
) -> Answer<unbind_3pid::v3::Response> {
    Answer(unbind_3pid::v3::Response::new(
        ThirdPartyIdRemovalStatus::Success,
    ))
}

/// `POST /_matrix/client/v3/account/3pid/email/requestToken`
pub async fn email_token(
    _: Ruma<request_3pid_management_token_via_email::v3::Request>,
) -> ApiError {
    denied()
}

/// `POST /_matrix/client/v3/account/3pid/msisdn/requestToken`
pub async fn msisdn_token(
    _: Ruma<request_3pid_management_token_via_msisdn::v3::Request>,
) -> ApiError {
    denied()
}

/// `POST /_matrix/client/v3/register/email/requestToken`
pub async fn register_email_token(
    _: Ruma<request_registration_token_via_email::v3::Request>,
) -> ApiError {
    denied()
}

/// `POST /_matrix/client/v3/register/msisdn/requestToken`
pub async fn register_msisdn_token(
    _: Ruma<request_registration_token_via_msisdn::v3::Request>,
) -> ApiError {
    denied()
}

/// `POST /_matrix/client/v3/account/password/email/requestToken`
pub async fn password_email_token(
    _: Ruma<request_password_change_token_via_email::v3::Request>,
) -> ApiError {
    unknown()
}

/// `POST /_matrix/client/v3/account/password/msisdn/requestToken`
pub async fn password_msisdn_token(
    _: Ruma<request_password_change_token_via_msisdn::v3::Request>,
) -> ApiError {
    denied()
}
