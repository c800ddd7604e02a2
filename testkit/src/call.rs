//! One request, its validation, and its answer.

use std::fmt::Write as _;
use std::future::{Future, IntoFuture};
use std::panic::Location;
use std::pin::Pin;

use reqwest::Method;
use reqwest::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, HeaderMap};
use serde_json::Value;

use crate::client::TestClient;
use crate::spec::{Operation, error_faults};

/// A path below `/_matrix/client/v3`, its segments percent-encoded.
#[must_use]
pub fn v3(segments: &[&str]) -> String {
    path("/_matrix/client/v3", segments)
}

/// A path below `/_matrix/client/v1`, its segments percent-encoded.
#[must_use]
pub fn v1(segments: &[&str]) -> String {
    path("/_matrix/client/v1", segments)
}

/// `prefix` followed by the segments, each percent-encoded.
#[must_use]
pub fn path(prefix: &str, segments: &[&str]) -> String {
    let mut path = prefix.to_owned();
    for segment in segments {
        path.push('/');
        for byte in segment.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                path.push(char::from(byte));
            } else {
                write!(path, "%{byte:02X}").expect("writing to a string");
            }
        }
    }
    path
}

/// What of a request the specification is asked about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strictness {
    /// Request and answer.
    Everything,
    /// The answer only: the request is wrong on purpose.
    Answer,
    /// Nothing: the endpoint is outside the specification.
    Nothing,
}

#[derive(Clone)]
enum Body {
    None,
    Json(Value),
    Raw {
        content_type: String,
        bytes: Vec<u8>,
    },
}

/// A request that is being put together.
///
/// Awaiting it expects status 200 and gives the answer's JSON; [`Call::fails`] expects an error;
/// [`Call::reply`] takes whatever comes. Each of them first holds request and answer against
/// the specification and ends the test with the faults, and with the place that made the call.
#[must_use = "a call is only made when it is awaited"]
pub struct Call {
    client: TestClient,
    made_at: &'static Location<'static>,
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Body,
    token: Option<String>,
    strictness: Strictness,
}

/// An answer: its status, headers and body.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub bytes: Vec<u8>,
}

impl Reply {
    /// The body as JSON, or null when it is something else.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    /// The `errcode` of an error, or nothing.
    #[must_use]
    pub fn code(&self) -> String {
        self.json()["errcode"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// A header's value as text, or nothing.
    #[must_use]
    pub fn header(&self, name: &str) -> String {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    }
}

impl Call {
    #[track_caller]
    pub(crate) fn new(client: TestClient, method: Method, path: String) -> Self {
        Self {
            token: client.session().map(|session| session.access_token.clone()),
            client,
            made_at: Location::caller(),
            method,
            path,
            query: Vec::new(),
            headers: Vec::new(),
            body: Body::None,
            strictness: Strictness::Everything,
        }
    }

    /// Adds a query parameter.
    pub fn query(mut self, name: &str, value: impl ToString) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// Sets a JSON body.
    pub fn json(mut self, body: Value) -> Self {
        self.body = Body::Json(body);
        self
    }

    /// Sets a body of any kind.
    pub fn raw(mut self, content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Raw {
            content_type: content_type.to_owned(),
            bytes: bytes.into(),
        };
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Uses another access token than the client's.
    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Sends no access token.
    pub fn anonymous(mut self) -> Self {
        self.token = None;
        self
    }

    /// The request is wrong on purpose: only the answer is validated.
    pub fn malformed(mut self) -> Self {
        self.strictness = Strictness::Answer;
        self
    }

    /// The endpoint is not in the specification: nothing is validated but the shape of errors.
    pub fn unspecified(mut self) -> Self {
        self.strictness = Strictness::Nothing;
        self
    }

    /// Expects this status and error code and gives the error's JSON.
    pub async fn fails(self, status: u16, code: &str) -> Value {
        let what = self.describe();
        let reply = self.reply().await;
        assert!(
            reply.status == status && reply.code() == code,
            "{what}\nexpected {status} {code}, got {} {}",
            reply.status,
            String::from_utf8_lossy(&reply.bytes)
        );
        reply.json()
    }

    /// Makes the request and gives the validated answer, whatever its status.
    pub async fn reply(self) -> Reply {
        match self.try_reply().await {
            Ok(reply) => reply,
            Err(failure) => panic!("{failure}"),
        }
    }

    /// As [`Call::reply`], for tests that stop the server under the request.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn try_reply(self) -> Result<Reply, String> {
        let what = self.describe();
        let shared = self.client.shared();
        let operations = shared.spec.find(&self.method, &self.path);
        if self.strictness == Strictness::Everything {
            self.check_request(&operations, &what);
        }
        let reply = self
            .send()
            .await
            .map_err(|error| format!("{what}\nno answer: {error:?}"))?;
        self.check_reply(&operations, &reply, &what);
        if reply.status < 400 && self.strictness != Strictness::Nothing {
            let body = self.json_body();
            shared.spec.note_success(&operations, &self.query, body);
        } else if self.strictness == Strictness::Everything {
            shared.spec.note_refusal(&operations, &reply.code());
        }
        Ok(reply)
    }

    fn json_body(&self) -> Option<&Value> {
        match &self.body {
            Body::Json(value) => Some(value),
            _ => None,
        }
    }

    fn check_request(&self, operations: &[&Operation], what: &str) {
        let body = self.json_body();
        // A raw body has no schema here; its endpoint must still exist.
        let checked = if matches!(self.body, Body::Raw { .. }) && !operations.is_empty() {
            Ok(())
        } else {
            self.client
                .shared()
                .spec
                .check_request(operations, &self.query, body)
        };
        if let Err(faults) = checked {
            panic!("{what}\nthe test's request does not follow the specification:\n{faults}");
        }
    }

    fn check_reply(&self, operations: &[&Operation], reply: &Reply, what: &str) {
        let content_type = reply.header(CONTENT_TYPE.as_str());
        let mut faults = String::new();
        if self.strictness == Strictness::Nothing || operations.is_empty() {
            // Pages for people are no errors of the API.
            let is_page = content_type.starts_with("text/html");
            if reply.status >= 400 && !is_page && self.path.starts_with("/_matrix/") {
                faults = error_faults(&content_type, &reply.bytes).join("\n");
            }
        } else if let Err(found) = self.client.shared().spec.check_answer(
            operations,
            reply.status,
            &content_type,
            &reply.bytes,
        ) {
            faults = found;
        }
        let origin = reply.header(ACCESS_CONTROL_ALLOW_ORIGIN.as_str());
        if self.path.starts_with("/_matrix/") && origin != "*" {
            faults.push_str("\nthere is no Access-Control-Allow-Origin: *");
        }
        assert!(
            faults.is_empty(),
            "{what}\nthe answer {} does not follow the specification:\n{faults}\nIt is: {}",
            reply.status,
            String::from_utf8_lossy(&reply.bytes)
        );
    }

    async fn send(&self) -> Result<Reply, reqwest::Error> {
        let shared = self.client.shared();
        let mut url = shared.base.clone();
        url.set_path("");
        let mut text = format!("{}{}", url.as_str().trim_end_matches('/'), self.path);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
            text = format!("{text}?{}", url.query().unwrap_or_default());
        }
        let mut request = shared.http.request(self.method.clone(), text);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request = match &self.body {
            Body::None => request,
            Body::Json(value) => request.json(value),
            Body::Raw {
                content_type,
                bytes,
            } => request
                .header(CONTENT_TYPE, content_type)
                .body(bytes.clone()),
        };
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await?.to_vec();
        Ok(Reply {
            status,
            headers,
            bytes,
        })
    }

    fn describe(&self) -> String {
        let body = match &self.body {
            Body::None => String::new(),
            Body::Json(value) => value.to_string(),
            Body::Raw {
                content_type,
                bytes,
            } => {
                format!("{} bytes of {content_type}", bytes.len())
            }
        };
        let short: String = body.chars().take(2_000).collect();
        let query: Vec<_> = self
            .query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        format!(
            "{}: {} {}?{} {short}",
            self.made_at,
            self.method,
            self.path,
            query.join("&")
        )
    }

    async fn success(self) -> Value {
        let what = self.describe();
        let reply = self.reply().await;
        assert!(
            reply.status == 200,
            "{what}\nexpected 200, got {} {}",
            reply.status,
            String::from_utf8_lossy(&reply.bytes)
        );
        reply.json()
    }
}

impl IntoFuture for Call {
    type Output = Value;
    type IntoFuture = Pin<Box<dyn Future<Output = Value> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.success())
    }
}
