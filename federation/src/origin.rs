//! Who speaks: a server that has signed its request.
//!
//! Specification: server-server API, "Request Authentication".

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRef, FromRequest, Request};
use bytes::{Bytes, BytesMut};
use causeway_events::signed::{base64_bytes, verifies};
use http::header::{AUTHORIZATION, CONTENT_LENGTH};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use ruma::{OwnedServerName, ServerName};
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::keys::KeyRing;
use crate::x_matrix::{XMatrix, canonical};

/// Largest body of a request with one event or less, in bytes.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Longest time for a body.
const MAX_BODY_TIME: Duration = Duration::from_secs(60);

/// How much of a body that is too large is read nevertheless, in bytes, and for how long.
const MAX_DISCARDED_BYTES: usize = 16 * 1024 * 1024;
const MAX_DISCARD_TIME: Duration = Duration::from_secs(10);

/// `Authorization` headers of a request that are looked at: a server may sign with each of its
/// keys.
const MAX_HEADERS: usize = 4;

/// The server that speaks, proved by its signature on the whole request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(pub OwnedServerName);

impl Origin {
    /// Its name.
    pub fn name(&self) -> &ServerName {
        &self.0
    }
}

/// A signed request without a body.
impl<S> FromRequest<S> for Origin
where
    KeyRing: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (origin, body) = verify(request, &KeyRing::from_ref(state), MAX_BODY_BYTES).await?;
        // A body that is there was signed; nobody looks at it.
        drop(body);
        Ok(origin)
    }
}

/// A signed request with a JSON body of at most `MAX` bytes.
#[derive(Debug)]
pub struct Signed<T, const MAX: usize = MAX_BODY_BYTES> {
    /// Who speaks.
    pub origin: Origin,
    /// What it says.
    pub body: T,
}

impl<T, S, const MAX: usize> FromRequest<S> for Signed<T, MAX>
where
    T: DeserializeOwned,
    KeyRing: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (origin, body) = verify(request, &KeyRing::from_ref(state), MAX).await?;
        let body = body.unwrap_or_else(|| "{}".to_owned());
        let body = serde_json::from_str(&body);
        let body = body.map_err(|error| ApiError::bad_json(error.to_string()))?;
        Ok(Self { origin, body })
    }
}

/// Proves who speaks; gives the body in canonical form, if there is one.
async fn verify(
    request: Request,
    ring: &KeyRing,
    max_bytes: usize,
) -> Result<(Origin, Option<String>), ApiError> {
    let (head, body) = request.into_parts();
    let ours = ring.own().server_name();
    let claims = claims(&head.headers)?;
    let mut candidates = Vec::new();
    for claim in claims {
        if claim.origin == ours {
            return Err(ApiError::unauthorized("This server does not call itself"));
        }
        let destination = claim.destination.as_deref();
        if destination.is_some_and(|destination| destination != ours) {
            return Err(ApiError::unauthorized("The request is for another server"));
        }
        // The key is there before the body is read: who has none does not get to send one.
        let key = ring.present_key(&claim.origin, &claim.key_id).await?;
        candidates.extend(key.map(|key| (claim, key)));
    }
    if candidates.is_empty() {
        return Err(ApiError::unauthorized(
            "The signing key is unknown or no longer valid",
        ));
    }
    let body = read(&head.headers, body, max_bytes).await?;
    let text = std::str::from_utf8(&body);
    let text = text.map_err(|_| ApiError::not_json("The body is not UTF-8"))?;
    let body = match text.is_empty() {
        true => None,
        false => Some(canonical(text).map_err(|error| refuse_json(&error))?),
    };
    let uri = head.uri.path_and_query().map_or("", |it| it.as_str());
    let proved = candidates.into_iter().find(|(claim, key)| {
        let signed = claim.signed_text(head.method.as_str(), uri, body.as_deref());
        base64_bytes(&claim.signature)
            .is_some_and(|signature| verifies(key, &signature, signed.as_bytes()))
    });
    let (claim, _) = proved.ok_or_else(|| ApiError::unauthorized("The signature is wrong"))?;
    ring.heard_from(&claim.origin);
    Ok((Origin(claim.origin), body))
}

fn refuse_json(error: &serde_json::Error) -> ApiError {
    match error.classify() {
        serde_json::error::Category::Data => ApiError::bad_json(error.to_string()),
        _ => ApiError::not_json("The body is not JSON"),
    }
}

/// What the headers claim, all of one server.
fn claims(headers: &HeaderMap) -> Result<Vec<XMatrix>, ApiError> {
    let claims: Vec<XMatrix> = headers
        .get_all(AUTHORIZATION)
        .into_iter()
        .take(MAX_HEADERS)
        .filter_map(|header| XMatrix::parse(header.to_str().ok()?))
        .collect();
    let first = claims.first();
    let first = first.ok_or_else(|| ApiError::unauthorized("The request is not signed"))?;
    if claims.iter().any(|claim| claim.origin != first.origin) {
        return Err(ApiError::unauthorized("The request is of two servers"));
    }
    Ok(claims)
}

/// Reads what is left of a body that is refused, up to [`MAX_DISCARDED_BYTES`]: who is still sending
/// when the connection closes does not get to see the answer.
async fn discard(body: &mut Body) {
    let reading = async {
        let mut left = MAX_DISCARDED_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            let Some(less) = left.checked_sub(length) else {
                break;
            };
            left = less;
        }
    };
    // Out of time: the other server has to live without the answer.
    let _ = tokio::time::timeout(MAX_DISCARD_TIME, reading).await;
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let too_large = || ApiError::too_large(format!("The body is larger than {limit} bytes"));
    let announced = headers.get(CONTENT_LENGTH).and_then(|it| it.to_str().ok());
    let announced = announced.and_then(|it| it.parse::<usize>().ok());
    let mut body = body;
    if announced.is_some_and(|length| length > limit) {
        discard(&mut body).await;
        return Err(too_large());
    }
    let whole = async {
        let mut read = BytesMut::with_capacity(announced.unwrap_or(0));
        while let Some(frame) = body.frame().await {
            let broken = |_| ApiError::bad_json("The body ended before its time");
            let Ok(data) = frame.map_err(broken)?.into_data() else {
                continue;
            };
            if read.len() + data.len() > limit {
                discard(&mut body).await;
                return Err(too_large());
            }
            read.extend_from_slice(&data);
        }
        Ok(read.freeze())
    };
    match tokio::time::timeout(MAX_BODY_TIME, whole).await {
        Ok(read) => read,
        Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "M_UNKNOWN",
            "The body took too long",
        )),
    }
}
