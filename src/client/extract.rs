//! What handlers take from a request: the request itself in ruma's types, and who speaks.
//!
//! Everything is proved here, once: a handler that takes a [`Session`] cannot run for somebody
//! who is not logged in.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequest, FromRequestParts, OptionalFromRequestParts};
use axum::extract::{RawPathParams, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use causeway_users::Users;
use causeway_users::sessions::{Caller, TokenError};
use futures::future::BoxFuture;
use http::StatusCode;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::request::Parts;
use ruma::api::error::{DeserializationError, FromHttpRequestError};
use ruma::api::{IncomingRequest, IncomingRequestExt};
use ruma::{OwnedDeviceId, OwnedUserId, UserId};
use serde::de::DeserializeOwned;

use super::body;
use super::error::ApiError;
use crate::server::entrance::Entrance;
use crate::server::record::RequestRecord;

/// A request, parsed and within limits.
///
/// Order of checks: rate limit (where the endpoint has one), size of the body, depth of the JSON, and then its form: `M_NOT_JSON`, `M_BAD_JSON`,
/// `M_MISSING_PARAM` or `M_INVALID_PARAM`, all 400.
#[derive(Debug)]
pub struct Ruma<T>(pub T);

impl<T, S> FromRequest<S> for Ruma<T>
where
    T: IncomingRequest + Send,
    Entrance: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        read(request, state).await.map(|(request, _)| Self(request))
    }
}

/// As [`Ruma`], with what else stands in the body: fields that ruma's type does not have.
#[derive(Debug)]
pub struct RumaAnd<T, B>(pub T, pub B);

impl<T, B, S> FromRequest<S> for RumaAnd<T, B>
where
    T: IncomingRequest + Send,
    B: DeserializeOwned + Send,
    Entrance: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (request, body) = read(request, state).await?;
        let more = serde_json::from_slice(json_of(&body));
        let more = more.map_err(|error| ApiError::bad_json(error.to_string()))?;
        Ok(Self(request, more))
    }
}

/// The body as JSON: some clients send nothing at all where every field is optional.
fn json_of(body: &[u8]) -> &[u8] {
    if body.is_empty() { b"{}" } else { body }
}

/// Checks and reads a request; gives its body, too.
async fn read<T, S>(request: Request, state: &S) -> Result<(T, Bytes), ApiError>
where
    T: IncomingRequest,
    Entrance: FromRef<S>,
    S: Send + Sync,
{
    let entrance = Entrance::from_ref(state);
    let (mut parts, body) = request.into_parts();
    entrance.check_request(record_of(&parts)?)?;
    let arguments = RawPathParams::from_request_parts(&mut parts, state)
        .await
        .map_err(|_| ApiError::invalid_param("The path is not valid UTF-8"))?;
    note_room(&parts, &arguments);
    let is_get = T::METHOD == http::Method::GET;
    let bytes = if is_get {
        Bytes::new()
    } else {
        body::read(&parts.headers, body, entrance.max_body_bytes()).await?
    };
    body::check_json(&bytes)?;
    let arguments: Vec<&str> = arguments.iter().map(|(_, value)| value).collect();
    let json = if is_get { &[] } else { json_of(&bytes) };
    let request = T::try_from_http_request(http::Request::from_parts(parts, json), &arguments);
    Ok((request.map_err(refuse)?, bytes))
}

/// Writes the room that a request is about into its record, for the log line.
fn note_room(parts: &Parts, arguments: &RawPathParams) {
    let room = arguments
        .iter()
        .find(|(name, _)| name.starts_with("room_id"));
    if let (Ok(record), Some((_, room))) = (record_of(parts), room) {
        record.set_room(room);
    }
}

/// What ruma says of a room version that cannot be one. The specification has a code for room
/// versions that a server does not know, whatever they look like.
const NO_ROOM_VERSION: &str = "expected a Matrix room version ID";

/// Why ruma could not read a request, in the specification's codes.
fn refuse(error: FromHttpRequestError) -> ApiError {
    let error = match error {
        FromHttpRequestError::MethodMismatch { .. } => return ApiError::unrecognized_method(),
        FromHttpRequestError::Deserialization(error) => error,
        _ => return ApiError::unknown("The request cannot be read"),
    };
    let message = error.to_string();
    match error {
        DeserializationError::Json(_) if message.contains(NO_ROOM_VERSION) => ApiError::new(
            StatusCode::BAD_REQUEST,
            "M_UNSUPPORTED_ROOM_VERSION",
            "This server does not know the room version",
        ),
        DeserializationError::Json(_) | DeserializationError::Utf8(_) => {
            ApiError::bad_json(message)
        }
        DeserializationError::Query(_) if message.contains("missing field") => {
            ApiError::missing_param(message)
        }
        _ => ApiError::invalid_param(message),
    }
}

/// Who speaks: a user of this server with a valid access token.
///
/// As an extractor it answers `M_MISSING_TOKEN` or `M_UNKNOWN_TOKEN` (401) where there is none,
/// and `M_GUEST_ACCESS_FORBIDDEN` (403), `M_USER_LOCKED` (401) or `M_USER_SUSPENDED` (403) to accounts
/// that the endpoint is not registered for.
#[derive(Debug, Clone)]
pub struct Session {
    /// The user.
    pub user_id: OwnedUserId,
    /// The device of the access token.
    pub device_id: OwnedDeviceId,
    /// Whether the account is a guest's.
    pub is_guest: bool,
    /// Whether the user administers this server.
    pub is_admin: bool,
    /// Whether the account may only read.
    pub is_suspended: bool,
    /// Whether the account can only be logged out.
    pub is_locked: bool,
}

impl From<&Session> for causeway_users::Session {
    fn from(session: &Session) -> Self {
        Self {
            user_id: session.user_id.clone(),
            device_id: session.device_id.clone(),
            is_guest: session.is_guest,
            is_admin: session.is_admin,
            is_suspended: session.is_suspended,
            is_locked: session.is_locked,
        }
    }
}

impl Session {
    /// Checks that the path names the user who speaks: nobody acts for others.
    ///
    /// # Errors
    /// `M_FORBIDDEN`.
    pub fn must_be(&self, user_id: &UserId) -> Result<(), ApiError> {
        if self.user_id == *user_id {
            Ok(())
        } else {
            Err(ApiError::forbidden("You cannot act for other users"))
        }
    }
}

/// Why an access token is refused.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// The token is not known, or its session has ended.
    #[error("the access token is unknown")]
    Unknown,
    /// The token has expired; the device still exists (soft logout).
    #[error("the access token has expired")]
    Expired,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] anyhow::Error),
}

/// Looks up access tokens.
pub trait Authenticate: Send + Sync {
    /// The session of `access_token`, seen now.
    fn authenticate<'a>(
        &'a self,
        access_token: &'a str,
        caller: Caller<'a>,
    ) -> BoxFuture<'a, Result<Session, AuthenticateError>>;
}

impl Authenticate for Users {
    fn authenticate<'a>(
        &'a self,
        access_token: &'a str,
        caller: Caller<'a>,
    ) -> BoxFuture<'a, Result<Session, AuthenticateError>> {
        Box::pin(async move {
            match Users::authenticate(self, access_token, caller).await {
                Ok(session) => Ok(Session {
                    user_id: session.user_id,
                    device_id: session.device_id,
                    is_guest: session.is_guest,
                    is_admin: session.is_admin,
                    is_suspended: session.is_suspended,
                    is_locked: session.is_locked,
                }),
                Err(TokenError::Unknown) => Err(AuthenticateError::Unknown),
                Err(TokenError::Expired) => Err(AuthenticateError::Expired),
                Err(TokenError::Store(error)) => Err(AuthenticateError::Store(error.into())),
            }
        })
    }
}

/// The part of the server that knows access tokens.
pub type Authenticator = Arc<dyn Authenticate>;

impl<S> FromRequestParts<S> for Session
where
    Authenticator: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let token = access_token(parts)?.ok_or_else(ApiError::missing_token)?;
        authenticate(parts, state, token).await
    }
}

impl<S> OptionalFromRequestParts<S> for Session
where
    Authenticator: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, ApiError> {
        match access_token(parts)? {
            Some(token) => authenticate(parts, state, token).await.map(Some),
            None => Ok(None),
        }
    }
}

/// A [`Session`] where there is an access token; a wrong token is refused as usual.
#[derive(Debug, Clone)]
pub struct OptionalSession(pub Option<Session>);

impl<S> FromRequestParts<S> for OptionalSession
where
    Authenticator: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        <Session as OptionalFromRequestParts<S>>::from_request_parts(parts, state)
            .await
            .map(Self)
    }
}

async fn authenticate<S>(parts: &Parts, state: &S, token: &str) -> Result<Session, ApiError>
where
    Authenticator: FromRef<S>,
{
    let record = record_of(parts)?;
    let user_agent = parts.headers.get(USER_AGENT);
    let caller = Caller {
        ip: record.client_ip(),
        user_agent: user_agent.and_then(|value| value.to_str().ok()),
    };
    let session = Authenticator::from_ref(state)
        .authenticate(token, caller)
        .await?;
    record.set_user(&session.user_id);
    if session.is_guest && !record.allows_guests() {
        return Err(ApiError::guest_forbidden());
    }
    if session.is_locked && !record.allows_locked() {
        return Err(ApiError::user_locked());
    }
    if session.is_suspended && !record.allows_suspended() {
        return Err(ApiError::user_suspended());
    }
    Ok(session)
}

impl From<AuthenticateError> for ApiError {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Unknown => Self::unknown_token(false),
            AuthenticateError::Expired => Self::unknown_token(true),
            AuthenticateError::Store(error) => Self::Internal(error),
        }
    }
}

/// The access token of a request: the `Authorization: Bearer` header, or else the
/// `access_token` parameter of the query.
fn access_token(parts: &Parts) -> Result<Option<&str>, ApiError> {
    if let Some(header) = parts.headers.get(AUTHORIZATION) {
        let token = header.to_str().ok().and_then(|value| value.split_once(' '));
        return match token {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                Ok(Some(token.trim()))
            }
            _ => Err(ApiError::missing_token()),
        };
    }
    let query = parts.uri.query().unwrap_or_default();
    let token = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("access_token="));
    Ok(token.filter(|token| !token.is_empty()))
}

/// The address of the client: of the connection, or, where that comes from a trusted proxy, the
/// one that the proxy reports in `X-Forwarded-For`.
#[derive(Debug, Clone, Copy)]
pub struct ClientIp(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for ClientIp {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        record_of(parts).map(|record| Self(record.client_ip()))
    }
}

/// The record that the front of the server made for this request.
fn record_of(parts: &Parts) -> Result<&Arc<RequestRecord>, ApiError> {
    parts
        .extensions
        .get::<Arc<RequestRecord>>()
        .ok_or_else(|| ApiError::internal(anyhow::anyhow!("the request has no record")))
}

/// The answer to paths that are not served.
pub async fn unknown_path() -> Response {
    ApiError::unrecognized_path().into_response()
}

/// The answer to methods that a path does not take.
pub async fn unknown_method() -> Response {
    ApiError::unrecognized_method().into_response()
}
