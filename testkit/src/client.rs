//! A Matrix client that believes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::{Method, Url};

use crate::call::Call;
use crate::spec::Specification;

/// Longest time that one request may take, long-polls included.
const REQUEST_LIMIT: Duration = Duration::from_secs(90);

/// A client of one server, with or without a session. Clones share the session.
#[derive(Clone)]
pub struct TestClient {
    shared: Arc<Shared>,
    session: Option<Arc<ClientSession>>,
}

pub(crate) struct Shared {
    pub(crate) http: reqwest::Client,
    pub(crate) base: Url,
    pub(crate) spec: Arc<Specification>,
}

/// What a login gave.
#[derive(Debug)]
pub struct ClientSession {
    /// `@localpart:server`
    pub user_id: String,
    /// The device that the access token belongs to.
    pub device_id: String,
    /// The access token.
    pub access_token: String,
    transactions: AtomicU64,
}

impl TestClient {
    /// A client without a session.
    ///
    /// # Panics
    /// When `base` is not the address of a server.
    #[must_use]
    pub fn new(base: &str, spec: Arc<Specification>) -> Self {
        // A second call finds the provider installed already; both are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(REQUEST_LIMIT)
            .no_proxy()
            // A redirect is an answer like others.
            .redirect(reqwest::redirect::Policy::none())
            .build();
        let shared = Shared {
            http: http.expect("an HTTP client"),
            base: Url::parse(base).expect("the server's address"),
            spec,
        };
        Self {
            shared: Arc::new(shared),
            session: None,
        }
    }

    /// The same client with the session that a login or registration answered with.
    ///
    /// # Panics
    /// When the answer holds no session.
    #[must_use]
    pub fn with_session(&self, answer: &serde_json::Value) -> Self {
        let field = |name: &str| {
            let text = answer[name].as_str();
            text.unwrap_or_else(|| panic!("there is no {name} in {answer}"))
                .to_owned()
        };
        let session = ClientSession {
            user_id: field("user_id"),
            device_id: field("device_id"),
            access_token: field("access_token"),
            transactions: AtomicU64::new(0),
        };
        Self {
            shared: Arc::clone(&self.shared),
            session: Some(Arc::new(session)),
        }
    }

    /// The same client without a session.
    #[must_use]
    pub fn without_session(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            session: None,
        }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn session(&self) -> Option<&ClientSession> {
        self.session.as_deref()
    }

    fn logged_in(&self) -> &ClientSession {
        self.session().expect("this client has not logged in")
    }

    /// The user's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.logged_in().user_id
    }

    /// The device's id.
    #[must_use]
    pub fn device_id(&self) -> &str {
        &self.logged_in().device_id
    }

    /// The access token.
    #[must_use]
    pub fn access_token(&self) -> &str {
        &self.logged_in().access_token
    }

    /// A transaction id that this session has not used.
    #[must_use]
    pub fn transaction(&self) -> String {
        format!(
            "t{}",
            self.logged_in()
                .transactions
                .fetch_add(1, Ordering::Relaxed)
        )
    }

    /// A GET request.
    #[track_caller]
    pub fn get(&self, path: impl Into<String>) -> Call {
        self.call(Method::GET, path)
    }

    /// A PUT request.
    #[track_caller]
    pub fn put(&self, path: impl Into<String>, body: serde_json::Value) -> Call {
        self.call(Method::PUT, path).json(body)
    }

    /// A POST request.
    #[track_caller]
    pub fn post(&self, path: impl Into<String>, body: serde_json::Value) -> Call {
        self.call(Method::POST, path).json(body)
    }

    /// A DELETE request.
    #[track_caller]
    pub fn delete(&self, path: impl Into<String>) -> Call {
        self.call(Method::DELETE, path)
    }

    /// A request of any method, without a body at first.
    #[track_caller]
    pub fn call(&self, method: Method, path: impl Into<String>) -> Call {
        Call::new(self.clone(), method, path.into())
    }
}
