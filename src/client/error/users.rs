//! Errors of the office, as the client API tells them.

use std::time::Duration;

use causeway_mail::MailError;
use causeway_users::account_data::AccountDataError;
use causeway_users::accounts::AccountError;
use causeway_users::devices::DeviceError;
use causeway_users::emails::EmailError;
use causeway_users::filters::FilterError;
use causeway_users::localpart::LocalpartError;
use causeway_users::login::LoginError;
use causeway_users::moderation::ModerationError;
use causeway_users::password::PasswordError;
use causeway_users::profile::ProfileError;
use causeway_users::push_rules::PushRuleError;
use causeway_users::pushers::PusherError;
use causeway_users::registration::RegisterError;
use causeway_users::reports::ReportError;
use causeway_users::sessions::SessionError;
use causeway_users::shared_secret::SharedSecretError;
use causeway_users::threads::ThreadError;
use causeway_users::to_device::ToDeviceError;
use causeway_users::uia::{Challenge, UiaError};
use http::StatusCode;
use ruma::push::InsertPushRuleError;

use super::ApiError;

/// What somebody is asked to wait whose letter found too many others before it.
const MAIL_RETRY: Duration = Duration::from_secs(30);

fn bad(errcode: &'static str, message: impl Into<std::borrow::Cow<'static, str>>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, errcode, message)
}

impl From<Challenge> for ApiError {
    fn from(challenge: Challenge) -> Self {
        Self::Uiaa(Box::new(challenge))
    }
}

impl From<ThreadError> for ApiError {
    fn from(error: ThreadError) -> Self {
        let message = error.to_string();
        match error {
            ThreadError::NotFound => Self::not_found(message),
            ThreadError::Conflict => Self::new(
                StatusCode::CONFLICT,
                "IO.ELEMENT.MSC4306.M_CONFLICTING_UNSUBSCRIPTION",
                message,
            ),
            ThreadError::Store(error) => error.into(),
            ThreadError::Append(error) => error.into(),
        }
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Weak(why) => bad("M_WEAK_PASSWORD", why),
            PasswordError::Hash(_) => Self::internal(error),
        }
    }
}

impl From<SessionError> for ApiError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::UnknownRefreshToken => Self::unknown_token(false),
            SessionError::Locked => Self::user_locked(),
            SessionError::BadDevice => Self::invalid_param(error.to_string()),
            SessionError::Store(error) => Self::from(error),
            SessionError::Append(error) => Self::from(error),
        }
    }
}

impl From<LoginError> for ApiError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::NotOffered => Self::unknown("This login type is not offered"),
            LoginError::Wrong => Self::forbidden("Wrong user name, password or token"),
            LoginError::Deactivated => Self::new(
                StatusCode::FORBIDDEN,
                "M_USER_DEACTIVATED",
                "This account has been deactivated",
            ),
            LoginError::Locked => Self::user_locked(),
            LoginError::Password(error) => error.into(),
            LoginError::Session(error) => error.into(),
            LoginError::Store(error) => error.into(),
        }
    }
}

impl From<ModerationError> for ApiError {
    fn from(error: ModerationError) -> Self {
        let message = error.to_string();
        match error {
            ModerationError::Forbidden => Self::forbidden(message),
            ModerationError::NotLocal => Self::invalid_param(message),
            ModerationError::NotFound => Self::not_found(message),
            ModerationError::Store(error) => error.into(),
        }
    }
}

impl From<UiaError> for ApiError {
    fn from(error: UiaError) -> Self {
        match error {
            UiaError::OtherUser => Self::forbidden("Authenticate as the user who asks"),
            UiaError::OtherPurpose => {
                Self::forbidden("The requested operation has changed during authentication")
            }
            UiaError::Login(error) => error.into(),
            UiaError::Captcha(error) => Self::internal(error),
            UiaError::Store(error) => error.into(),
        }
    }
}

impl From<LocalpartError> for ApiError {
    fn from(error: LocalpartError) -> Self {
        bad("M_INVALID_USERNAME", error.to_string())
    }
}

impl From<RegisterError> for ApiError {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Closed => Self::forbidden("Registration is not open here"),
            RegisterError::Localpart(error) => error.into(),
            RegisterError::Taken | RegisterError::OwnerHasOne => {
                bad("M_USER_IN_USE", "This user name is taken")
            }
            RegisterError::OtherGuest => {
                Self::forbidden("guest_access_token is not that of a guest with this username")
            }
            RegisterError::NoPassword => Self::missing_param("A password is needed"),
            RegisterError::EmailTaken => bad("M_THREEPID_IN_USE", error.to_string()),
            RegisterError::TokenSpent => Self::forbidden("The registration token has no uses left"),
            RegisterError::Password(error) => error.into(),
            RegisterError::Uia(error) => error.into(),
            RegisterError::Session(error) => error.into(),
            RegisterError::Store(error) => error.into(),
            RegisterError::Append(error) => error.into(),
        }
    }
}

impl From<SharedSecretError> for ApiError {
    fn from(error: SharedSecretError) -> Self {
        match error {
            SharedSecretError::NotEnabled => {
                Self::unknown("Shared-secret registration is not enabled")
            }
            SharedSecretError::BadNonce => Self::unknown("Unrecognised or used nonce"),
            SharedSecretError::BadMac => Self::forbidden("The HMAC is not right"),
            SharedSecretError::Register(error) => error.into(),
            SharedSecretError::Store(error) => error.into(),
        }
    }
}

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::NotFound => Self::not_found("There is no such account"),
            AccountError::Password(error) => error.into(),
            AccountError::Session(error) => error.into(),
            AccountError::Store(error) => error.into(),
            AccountError::Append(error) => error.into(),
        }
    }
}

impl From<EmailError> for ApiError {
    fn from(error: EmailError) -> Self {
        let message = error.to_string();
        match error {
            EmailError::Closed => Self::forbidden("Registration is not open here"),
            EmailError::BadAddress | EmailError::BadLink => Self::invalid_param(message),
            EmailError::TooMany(ms) => Self::LimitExceeded {
                retry_after: Duration::from_millis(ms),
            },
            EmailError::InUse => bad("M_THREEPID_IN_USE", message),
            EmailError::NotFound => bad("M_THREEPID_NOT_FOUND", message),
            EmailError::NotConfirmed => {
                Self::new(StatusCode::FORBIDDEN, "M_THREEPID_AUTH_FAILED", message)
            }
            EmailError::NoRoom => Self::new(StatusCode::FORBIDDEN, "M_THREEPID_DENIED", message),
            EmailError::Account(error) => error.into(),
            EmailError::Store(error) => error.into(),
        }
    }
}

impl From<MailError> for ApiError {
    fn from(error: MailError) -> Self {
        match error {
            MailError::Address(_) => Self::invalid_param("No letter can be sent to this address"),
            MailError::Busy => Self::LimitExceeded {
                retry_after: MAIL_RETRY,
            },
            error => Self::internal(error),
        }
    }
}

impl From<DeviceError> for ApiError {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::NotFound => Self::not_found("You have no such device"),
            DeviceError::TooLong => Self::invalid_param(error.to_string()),
            DeviceError::Session(error) => error.into(),
            DeviceError::Store(error) => error.into(),
            DeviceError::Append(error) => error.into(),
        }
    }
}

impl From<ProfileError> for ApiError {
    fn from(error: ProfileError) -> Self {
        match error {
            ProfileError::NotFound => Self::not_found("Profile not found"),
            ProfileError::BadName => Self::invalid_param("The name of the field is not valid"),
            ProfileError::NameTooLong => bad("M_KEY_TOO_LARGE", "The field's name is too long"),
            ProfileError::BadValue(why) => Self::invalid_param(why),
            ProfileError::TooLarge => bad(
                "M_PROFILE_TOO_LARGE",
                "The profile would be larger than 64 KiB",
            ),
            ProfileError::Store(error) => error.into(),
            ProfileError::Append(error) => error.into(),
        }
    }
}

impl From<AccountDataError> for ApiError {
    fn from(error: AccountDataError) -> Self {
        match error {
            AccountDataError::NotFound => Self::not_found("Account data not found"),
            AccountDataError::UnknownRoom => Self::not_found("This room is not known here"),
            AccountDataError::ServerManaged => Self::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "M_BAD_JSON",
                "This type of account data is set through its own endpoint",
            ),
            AccountDataError::NotAnObject => Self::bad_json("The content must be a JSON object"),
            AccountDataError::TooLarge => Self::too_large("The account data is too large"),
            AccountDataError::Store(error) => error.into(),
            AccountDataError::Append(error) => error.into(),
        }
    }
}

impl From<FilterError> for ApiError {
    fn from(error: FilterError) -> Self {
        match error {
            FilterError::NotFound => Self::not_found("There is no such filter"),
            FilterError::TooMuch => Self::too_large(error.to_string()),
            FilterError::Store(error) => error.into(),
        }
    }
}

impl From<PushRuleError> for ApiError {
    fn from(error: PushRuleError) -> Self {
        match error {
            PushRuleError::NotFound => Self::not_found("There is no such push rule"),
            PushRuleError::Insert(InsertPushRuleError::UnknownRuleId) => {
                Self::not_found("The rule to stand before or after does not exist")
            }
            PushRuleError::Insert(error) => Self::invalid_param(error.to_string()),
            PushRuleError::ServerDefault => {
                Self::invalid_param("A rule of the server cannot be removed")
            }
            PushRuleError::TooMany | PushRuleError::LongPattern => {
                Self::invalid_param(error.to_string())
            }
            PushRuleError::AccountData(error) => error.into(),
        }
    }
}

impl From<PusherError> for ApiError {
    fn from(error: PusherError) -> Self {
        match error {
            PusherError::Invalid(why) => Self::invalid_param(why),
            PusherError::Store(error) => error.into(),
        }
    }
}

impl From<ReportError> for ApiError {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::NotFound => Self::not_found(error.to_string()),
            ReportError::Store(error) => error.into(),
        }
    }
}

impl From<ToDeviceError> for ApiError {
    fn from(error: ToDeviceError) -> Self {
        match error {
            ToDeviceError::TooLarge => Self::too_large(error.to_string()),
            ToDeviceError::Store(error) => error.into(),
            ToDeviceError::Append(error) => error.into(),
        }
    }
}
