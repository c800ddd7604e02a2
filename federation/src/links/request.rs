//! One request to another server.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use ruma::OwnedServerName;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::body::read_at_most;
use super::{ConnectError, LinkError, Links, Refusal};
use crate::x_matrix::{XMatrix, canonical};

/// How long a request may take that does not say otherwise, from finding the server to the last
/// byte of the answer.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// Largest answer that is read unless the request says otherwise, in bytes.
pub const DEFAULT_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Largest error that is read, in bytes.
const MAX_REFUSAL_BYTES: usize = 16 * 1024;

/// A request to another server, not sent yet.
#[must_use = "a request does nothing until it is sent"]
pub struct RemoteRequest {
    links: Links,
    method: Method,
    server: OwnedServerName,
    path: String,
    body: Option<String>,
    timeout: Duration,
    max_bytes: usize,
    is_signed: bool,
}

impl RemoteRequest {
    pub(super) fn new(links: Links, method: Method, server: OwnedServerName, path: String) -> Self {
        Self {
            links,
            method,
            server,
            path,
            body: None,
            timeout: DEFAULT_TIMEOUT,
            max_bytes: DEFAULT_MAX_BYTES,
            is_signed: true,
        }
    }

    /// Gives the request a JSON body.
    ///
    /// # Errors
    /// [`LinkError::Request`], if it has no canonical form (numbers that are not integers).
    pub fn json(self, body: &impl Serialize) -> Result<Self, LinkError> {
        let text = serde_json::to_string(body);
        self.json_text(&text.map_err(|error| LinkError::Request(error.to_string()))?)
    }

    /// Gives the request a body that is JSON already.
    ///
    /// # Errors
    /// As [`Self::json`].
    pub fn json_text(mut self, body: &str) -> Result<Self, LinkError> {
        let body = canonical(body).map_err(|error| LinkError::Request(error.to_string()))?;
        self.body = Some(body);
        Ok(self)
    }

    /// How long it may take, from finding the server to the last byte of the answer.
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Largest answer that is read.
    pub fn at_most(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Leaves the signature out: for the endpoints of keys, which the other server could not
    /// check before it has asked for ours.
    pub fn unsigned(mut self) -> Self {
        self.is_signed = false;
        self
    }

    /// Sends it and reads the answer. Dropping the future gives the request up.
    ///
    /// # Errors
    /// [`LinkError`] says why there is no answer; [`LinkError::standing`] what that means for the
    /// next request.
    pub async fn send(self) -> Result<Answer, LinkError> {
        let (timeout, max_bytes) = (self.timeout, self.max_bytes);
        let whole = async {
            let response = self.exchange().await?;
            let body = read_at_most(response.into_body(), max_bytes).await?;
            Ok(Answer(body))
        };
        let answered = tokio::time::timeout(timeout, whole).await;
        answered.unwrap_or(Err(LinkError::TimedOut))
    }

    /// Sends it and gives the answer's head and the body as it comes. The time limit holds for
    /// the head, and no size limit: whoever reads the body sets their own.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn stream(self) -> Result<StreamedAnswer, LinkError> {
        let timeout = self.timeout;
        let answered = tokio::time::timeout(timeout, self.exchange()).await;
        let response = answered.unwrap_or(Err(LinkError::TimedOut))?;
        let (head, body) = response.into_parts();
        Ok(StreamedAnswer {
            headers: head.headers,
            body,
        })
    }

    /// Sends it; gives the answer if it is a success.
    async fn exchange(self) -> Result<Response<Incoming>, LinkError> {
        let inner = self.links.inner();
        if self.server == inner.key.server_name() {
            return Err(LinkError::Ourselves);
        }
        // The semaphore is never closed.
        let _permit = inner.permits.acquire().await;
        let delegate = inner.well_known.delegate(&self.server).await;
        let request = self.build(delegate.as_str())?;
        let response = match inner.http.request(request).await.map_err(LinkError::from) {
            Ok(response) => response,
            Err(error) => {
                if matches!(error, LinkError::Connect(_)) && delegate != self.server {
                    inner.well_known.forget(&self.server);
                }
                return Err(error);
            }
        };
        if response.status().is_success() {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        // What a broken error says does not matter, its status does.
        let body = read_at_most(body, MAX_REFUSAL_BYTES).await;
        let body = body.unwrap_or_default();
        Err(Refusal::read(head.status, &head.headers, &body).into())
    }

    fn build(&self, delegate: &str) -> Result<Request<Full<Bytes>>, LinkError> {
        let inner = self.links.inner();
        let malformed = |error: http::Error| LinkError::Request(error.to_string());
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(format!("https://{delegate}{}", self.path))
            .header(HOST, delegate)
            .header(USER_AGENT, inner.user_agent.clone());
        if self.is_signed {
            let header = XMatrix::sign(
                &inner.key,
                &self.server,
                self.method.as_str(),
                &self.path,
                self.body.as_deref(),
            );
            let value = HeaderValue::from_str(&header);
            let mut value = value.map_err(|_| LinkError::Connect(ConnectError::Name))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        if self.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = self.body.clone().unwrap_or_default();
        request
            .body(Full::new(Bytes::from(body)))
            .map_err(malformed)
    }
}

/// What another server answered: the body of a success.
#[derive(Debug, Clone)]
pub struct Answer(Bytes);

impl Answer {
    /// The body.
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// The body, read as a `T`.
    ///
    /// # Errors
    /// [`LinkError::Malformed`].
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, LinkError> {
        serde_json::from_slice(&self.0).map_err(|error| LinkError::Malformed(error.to_string()))
    }
}

/// What another server answers, as it comes.
#[derive(Debug)]
pub struct StreamedAnswer {
    /// The head.
    pub headers: HeaderMap,
    /// The body.
    pub body: Incoming,
}

/// A text as a segment of a path, or a value of a query: everything but unreserved letters is
/// percent-encoded.
pub fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            encoded.push('%');
            encoded.push(char::from(HEX[usize::from(byte >> 4)]));
            encoded.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    encoded
}
