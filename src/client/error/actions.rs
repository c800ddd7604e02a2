//! Errors of what users do to rooms.

use causeway_rooms::actions::{
    AliasError, AliasMistake, CreateError, MembershipError, SendError, UpgradeError,
};
use http::StatusCode;

use super::ApiError;

impl From<AliasMistake> for ApiError {
    fn from(error: AliasMistake) -> Self {
        let message = error.to_string();
        match error {
            AliasMistake::Malformed(_) => Self::invalid_param(message),
            AliasMistake::LeadsElsewhere(_) => {
                Self::new(StatusCode::BAD_REQUEST, "M_BAD_ALIAS", message)
            }
        }
    }
}

impl From<AliasError> for ApiError {
    fn from(error: AliasError) -> Self {
        let message = error.to_string();
        match error {
            AliasError::NotFound | AliasError::NoSuchRoom => Self::not_found(message),
            AliasError::Exists => Self::new(StatusCode::CONFLICT, "M_UNKNOWN", message),
            AliasError::NotLocal => Self::invalid_param(message),
            AliasError::Forbidden(_) => Self::forbidden(message),
            AliasError::Store(error) => error.into(),
        }
    }
}

impl From<SendError> for ApiError {
    fn from(error: SendError) -> Self {
        let message = error.to_string();
        match error {
            SendError::NotInRoom => Self::forbidden(message),
            SendError::OtherRoom => Self::invalid_param(message),
            SendError::DuplicateAnnotation => {
                Self::new(StatusCode::BAD_REQUEST, "M_DUPLICATE_ANNOTATION", message)
            }
            SendError::OthersEvent => Self::user_suspended(),
            SendError::ThreadOnRelation => Self::unknown(message),
            SendError::Alias(error) => error.into(),
            SendError::Membership(error) => error.into(),
            SendError::Write(error) => error.into(),
        }
    }
}

impl From<MembershipError> for ApiError {
    fn from(error: MembershipError) -> Self {
        let message = error.to_string();
        let forbidden = |errcode| Self::new(StatusCode::FORBIDDEN, errcode, message.clone());
        match error {
            MembershipError::NoSuchRoom => Self::not_found(message),
            MembershipError::NotInRoom => Self::forbidden(message),
            MembershipError::BadState(_) => forbidden("M_BAD_STATE"),
            MembershipError::GuestsForbidden => forbidden("M_GUEST_ACCESS_FORBIDDEN"),
            MembershipError::InviteBlocked => forbidden("M_INVITE_BLOCKED"),
            MembershipError::InviteFiltered => forbidden("ORG.MATRIX.MSC4155.M_INVITE_BLOCKED"),
            MembershipError::UnableToAuthorise => Self::new(
                StatusCode::BAD_REQUEST,
                "M_UNABLE_TO_AUTHORISE_JOIN",
                message,
            ),
            MembershipError::Unreachable(_) => {
                Self::new(StatusCode::BAD_GATEWAY, "M_CONNECTION_FAILED", message)
            }
            MembershipError::StillIn => Self::unknown(message),
            MembershipError::Write(error) => error.into(),
        }
    }
}

impl From<CreateError> for ApiError {
    fn from(error: CreateError) -> Self {
        let message = error.to_string();
        let bad_request = |errcode| Self::new(StatusCode::BAD_REQUEST, errcode, message.clone());
        match error {
            CreateError::UnsupportedVersion(_) => bad_request("M_UNSUPPORTED_ROOM_VERSION"),
            CreateError::AliasInUse(_) => bad_request("M_ROOM_IN_USE"),
            CreateError::BadAlias(_) => Self::invalid_param(message),
            CreateError::BadContent(_) => Self::bad_json(message),
            CreateError::InvalidState(_) => bad_request("M_INVALID_ROOM_STATE"),
            CreateError::Invite(error) => error.into(),
            CreateError::Write(error) => error.into(),
        }
    }
}

impl From<UpgradeError> for ApiError {
    fn from(error: UpgradeError) -> Self {
        let message = error.to_string();
        match error {
            UpgradeError::NoSuchRoom => Self::not_found(message),
            UpgradeError::UnsupportedVersion(_) => Self::new(
                StatusCode::BAD_REQUEST,
                "M_UNSUPPORTED_ROOM_VERSION",
                message,
            ),
            UpgradeError::Write(error) => error.into(),
        }
    }
}
