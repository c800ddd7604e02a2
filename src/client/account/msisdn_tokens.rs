//! Telephone numbers: this server knows none, which the answers say.

use http::StatusCode;
use ruma::api::client::account::{
    request_3pid_management_token_via_msisdn, request_password_change_token_via_msisdn,
    request_registration_token_via_msisdn,
};

use crate::client::error::ApiError;
use crate::client::extract::Ruma;

fn refuse() -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "M_THREEPID_MEDIUM_NOT_SUPPORTED",
        "This server knows no telephone numbers",
    )
}

/// `POST /_matrix/client/v3/account/3pid/msisdn/requestToken`
pub async fn to_add(_: Ruma<request_3pid_management_token_via_msisdn::v3::Request>) -> ApiError {
    refuse()
}

/// `POST /_matrix/client/v3/register/msisdn/requestToken`
pub async fn to_register(_: Ruma<request_registration_token_via_msisdn::v3::Request>) -> ApiError {
    refuse()
}

/// `POST /_matrix/client/v3/account/password/msisdn/requestToken`
pub async fn for_password(
    _: Ruma<request_password_change_token_via_msisdn::v3::Request>,
) -> ApiError {
    refuse()
}
