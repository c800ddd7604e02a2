//! A server made by hand, which says whatever a test wants.
//!
//! It shares no code with the server under test: signatures and hashes are ruma's.

mod door;
mod signing;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use reqwest::Method;
use ruma::CanonicalJsonObject;
use ruma::canonical_json::CanonicalJsonValue;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

pub use self::door::{Heard, Said};
pub use self::signing::{RemoteKey, event_id};
use crate::authority::{Authority, LOCAL_NAMES};

/// Requests that are remembered.
const MAX_HEARD: usize = 10_000;

/// What answers requests of one method to paths with one beginning.
type Answer = Box<dyn Fn(&Heard) -> Said + Send + Sync>;

pub(crate) struct Inside {
    name: String,
    key: std::sync::Mutex<RemoteKey>,
    answers: std::sync::Mutex<Vec<(Method, String, Answer)>>,
    heard: Mutex<VecDeque<Heard>>,
}

/// A server made by hand, on a port of its own with TLS. It ends when it is dropped.
pub struct RemoteServer {
    inside: Arc<Inside>,
    http: reqwest::Client,
    task: JoinHandle<()>,
}

impl Drop for RemoteServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl RemoteServer {
    /// Starts one whose certificate is of this authority. It tells its key, and answers nothing else
    /// until [`Self::on`] says what.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start(authority: &Authority) -> Self {
        Self::start_as(authority, &LOCAL_NAMES).await
    }

    /// The same with a certificate for these names.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start_as(authority: &Authority, names: &[&str]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("an address");
        let name = format!("localhost:{}", address.port());
        let inside = Arc::new(Inside {
            key: std::sync::Mutex::new(RemoteKey::new(&name, "a1")),
            name,
            answers: std::sync::Mutex::default(),
            heard: Mutex::default(),
        });
        let task = door::serve(listener, authority.server(names), inside.clone());
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(authority.client())
            .no_proxy()
            .build();
        Self {
            inside,
            http: http.expect("an HTTP client"),
            task: tokio::spawn(task),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inside.name
    }

    /// A user id of it.
    #[must_use]
    pub fn user_id(&self, localpart: &str) -> String {
        format!("@{localpart}:{}", self.name())
    }

    /// The key that it signs with.
    #[must_use]
    pub fn key(&self) -> RemoteKey {
        self.inside.key.lock().expect("no panic").clone()
    }

    /// Signs with another key from now on, and tells that one.
    pub fn set_key(&self, key: RemoteKey) {
        *self.inside.key.lock().expect("no panic") = key;
    }

    /// Says how requests of this method are answered whose path begins so; the newest word counts.
    pub fn on(
        &self,
        method: Method,
        path: &str,
        answer: impl Fn(&Heard) -> Said + Send + Sync + 'static,
    ) {
        let entry: (Method, String, Answer) = (method, path.to_owned(), Box::new(answer));
        self.inside
            .answers
            .lock()
            .expect("no panic")
            .insert(0, entry);
    }

    /// What was asked of it, the endpoints of keys aside.
    pub async fn heard(&self) -> Vec<Heard> {
        self.inside.heard.lock().await.iter().cloned().collect()
    }

    /// Begins a signed request to a server at `address`, the port for servers, which is called
    /// `name`.
    pub fn call(
        &self,
        to: (&str, SocketAddr),
        method: Method,
        path: impl Into<String>,
    ) -> RemoteCall {
        RemoteCall {
            http: self.http.clone(),
            address: to.1,
            method,
            path: path.into(),
            body: None,
            key: self.key(),
            origin: self.name().to_owned(),
            destination: Some(to.0.to_owned()),
            is_signed: true,
            sent_body: None,
        }
    }

    /// The document of its keys, signed.
    #[must_use]
    pub fn key_document(&self) -> Value {
        self.key().document(door::far_future_ms())
    }
}

/// A request of a [`RemoteServer`], signed unless a test spoils it.
#[must_use = "a request does nothing until it is sent"]
pub struct RemoteCall {
    http: reqwest::Client,
    address: SocketAddr,
    method: Method,
    path: String,
    body: Option<Value>,
    key: RemoteKey,
    origin: String,
    destination: Option<String>,
    is_signed: bool,
    sent_body: Option<Vec<u8>>,
}

/// What a server answered to a [`RemoteCall`].
#[derive(Debug)]
pub struct RemoteReply {
    /// The status of HTTP.
    pub status: u16,
    /// The content type.
    pub content_type: String,
    /// The body.
    pub bytes: Vec<u8>,
}

impl RemoteReply {
    /// The body as JSON, `null` where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    /// Status and error code.
    #[must_use]
    pub fn error(&self) -> (u16, String) {
        let errcode = self.json()["errcode"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        (self.status, errcode)
    }
}

impl RemoteCall {
    /// With a JSON body.
    pub fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Signed with another key.
    pub fn key(mut self, key: RemoteKey) -> Self {
        self.key = key;
        self
    }

    /// In the name of somebody else.
    pub fn origin(mut self, origin: &str) -> Self {
        origin.clone_into(&mut self.origin);
        self
    }

    /// For somebody else, or without saying for whom.
    pub fn destination(mut self, destination: Option<&str>) -> Self {
        self.destination = destination.map(str::to_owned);
        self
    }

    /// Without a signature.
    pub fn unsigned(mut self) -> Self {
        self.is_signed = false;
        self
    }

    /// Sends another body than the one that was signed.
    pub fn sending(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.sent_body = Some(body.into());
        self
    }

    /// Sends it.
    ///
    /// # Panics
    /// When there is no answer at all.
    pub async fn send(self) -> RemoteReply {
        let url = format!("https://{}{}", self.address, self.path);
        let mut request = self.http.request(self.method.clone(), url);
        if self.is_signed {
            request = request.header("Authorization", self.authorization());
        }
        let body = self.sent_body.clone();
        let body = body.or_else(|| self.body.as_ref().map(|body| body.to_string().into_bytes()));
        if let Some(body) = body {
            request = request
                .header("Content-Type", "application/json")
                .body(body);
        }
        let reply = request.send().await.expect("an answer");
        let content_type = reply.headers().get("Content-Type");
        let content_type = content_type
            .and_then(|it| it.to_str().ok())
            .unwrap_or_default();
        let content_type = content_type.to_owned();
        RemoteReply {
            status: reply.status().as_u16(),
            content_type,
            bytes: reply.bytes().await.expect("a body").to_vec(),
        }
    }

    fn authorization(&self) -> String {
        let mut request = json!({
            "method": self.method.as_str(),
            "uri": self.path,
            "origin": self.origin,
        });
        if let Some(destination) = &self.destination {
            request["destination"] = json!(destination);
        }
        if let Some(body) = &self.body {
            request["content"] = body.clone();
        }
        let mut object: CanonicalJsonObject =
            serde_json::from_value(request).expect("canonical JSON");
        self.key.sign_as(&self.origin, &mut object);
        let signatures = object["signatures"].as_object().expect("signatures");
        let signature = signatures[&self.origin].as_object().expect("a signature");
        let (id, signature) = signature.iter().next().expect("a signature");
        let signature = CanonicalJsonValue::as_str(signature).expect("Base64");
        let mut header = format!("X-Matrix origin=\"{}\"", self.origin);
        if let Some(destination) = &self.destination {
            header += &format!(",destination=\"{destination}\"");
        }
        header + &format!(",key=\"{id}\",sig=\"{signature}\"")
    }
}
