//! What a server made by hand listens with.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use reqwest::Method;
use rustls::ServerConfig;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{Inside, MAX_HEARD};

/// A request that came.
#[derive(Debug, Clone)]
pub struct Heard {
    /// The method.
    pub method: Method,
    /// The path with its query.
    pub path: String,
    /// The host that it was for.
    pub host: String,
    /// The version of HTTP, as in `HTTP/2.0`.
    pub version: String,
    /// The `Authorization` header.
    pub authorization: String,
    /// The body as JSON, `null` where it is none.
    pub body: Value,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Said {
    /// The status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long the server waits before it answers, in milliseconds.
    pub after_ms: u64,
}

impl Said {
    /// JSON, with status 200.
    #[must_use]
    pub fn json(body: &Value) -> Self {
        Self::status(200, body)
    }

    /// JSON with any status.
    #[must_use]
    pub fn status(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_string().into_bytes(),
            after_ms: 0,
        }
    }

    /// The same with a further header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same after a while.
    #[must_use]
    pub fn after_ms(mut self, after_ms: u64) -> Self {
        self.after_ms = after_ms;
        self
    }
}

/// Answers until the task ends.
pub(super) async fn serve(listener: TcpListener, tls: Arc<ServerConfig>, inside: Arc<Inside>) {
    let acceptor = TlsAcceptor::from(tls);
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, inside) = (acceptor.clone(), inside.clone());
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let service = service_fn(move |request| {
                let inside = inside.clone();
                async move { Ok::<_, Infallible>(answer(request, &inside).await) }
            });
            // A peer that breaks off is none of the test's business.
            let _ = Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(request: Request<Incoming>, inside: &Inside) -> Response<Full<Bytes>> {
    let heard = hear(request).await;
    let said = if heard.method == Method::GET && heard.path.starts_with("/_matrix/key/v2/server") {
        let custom = find(&heard, inside);
        custom.unwrap_or_else(|| {
            let key = inside.key.lock().expect("no panic");
            Said::json(&key.document(far_future_ms()))
        })
    } else {
        let mut all = inside.heard.lock().await;
        if all.len() == MAX_HEARD {
            all.pop_front();
        }
        all.push_back(heard.clone());
        drop(all);
        let unknown = json!({"errcode": "M_UNRECOGNIZED", "error": "not in this test"});
        find(&heard, inside).unwrap_or_else(|| Said::status(404, &unknown))
    };
    tokio::time::sleep(std::time::Duration::from_millis(said.after_ms)).await;
    let mut response = Response::builder().status(said.status);
    for (name, value) in &said.headers {
        response = response.header(name, value);
    }
    response
        .body(Full::new(Bytes::from(said.body)))
        .expect("a response")
}

fn find(heard: &Heard, inside: &Inside) -> Option<Said> {
    let answers = inside.answers.lock().expect("no panic");
    let mut fitting = answers
        .iter()
        .filter(|(method, path, _)| *method == heard.method && heard.path.starts_with(path));
    fitting.next().map(|(_, _, answer)| answer(heard))
}

async fn hear(request: Request<Incoming>) -> Heard {
    let (head, body) = request.into_parts();
    let header = |name: &str| {
        let value = head.headers.get(name).and_then(|it| it.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let authority = head.uri.authority().map(ToString::to_string);
    let body = body.collect().await.map(|body| body.to_bytes());
    Heard {
        path: head
            .uri
            .path_and_query()
            .map_or_else(String::new, ToString::to_string),
        host: authority.unwrap_or_else(|| header("host")),
        version: format!("{:?}", head.version),
        authorization: header("authorization"),
        body: serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default(),
        method: head.method,
    }
}

/// A day from now, in milliseconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "a stranger's clock, beside the server under test"
)]
pub(super) fn far_future_ms() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    u64::try_from(now.as_millis()).expect("this age") + 86_400_000
}
