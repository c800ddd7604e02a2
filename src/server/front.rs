//! What stands before the router: records, panics, CORS, the log line and the counts of each
//! request.
//!
//! A request that waits in `/sync` is held here for a minute and more, so nothing of its head or
//! body is kept, and there are no middleware layers around the router: each would make the held
//! future larger.

use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use causeway_store::meter;
use futures::FutureExt;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue,
};
use http::{HeaderMap, Method, Request, StatusCode};
use metrics::Gauge;
use tower::Service;

use super::entrance::Entrance;
use super::record::RequestRecord;
use super::request_log::{self, Running};
use crate::client::error::ApiError;

/// The whole HTTP service of a server.
#[derive(Debug)]
pub struct Front {
    router: Router,
    entrance: Entrance,
    in_flight: Gauge,
}

impl Front {
    /// The service that answers with `router`, within the limits of `entrance`.
    pub fn new(router: Router, entrance: Entrance) -> Self {
        Self {
            router,
            entrance,
            in_flight: request_log::in_flight(),
        }
    }

    /// Answers a request from `peer`. When the caller drops the future because the client has
    /// gone, the handler is dropped with it, and the log line says so.
    pub async fn answer(&self, mut request: Request<Body>, peer: IpAddr) -> Response {
        // Client-server API, "Web browser clients": a preflight runs nothing of the endpoint.
        if request.method() == Method::OPTIONS {
            let mut response = StatusCode::NO_CONTENT.into_response();
            allow_any_origin(response.headers_mut());
            return response;
        }
        let client_ip = self.entrance.client_ip(peer, request.headers());
        let record = Arc::new(RequestRecord::new(client_ip));
        request.extensions_mut().insert(record.clone());
        let running = Running::start(request.method().clone(), record, self.in_flight.clone());
        // A panic leaves nothing behind that another request could see: what requests share is
        // behind locks that do not poison, and is changed in whole steps.
        let call = AssertUnwindSafe(self.route(request)).catch_unwind();
        let (outcome, spent) = meter::scope(call).await;
        let mut response = match outcome {
            Ok(answered) => answered.unwrap_or_else(|never: Infallible| match never {}),
            Err(panic) => {
                let reason = panic_message(&*panic);
                ApiError::internal(anyhow::anyhow!("panic: {reason}")).into_response()
            }
        };
        running.finish(response.status(), spent);
        allow_any_origin(response.headers_mut());
        response
    }
}

impl Front {
    async fn route(&self, request: Request<Body>) -> Result<Response, Infallible> {
        // The router lets parameters be empty; no identifier is.
        if request.uri().path().contains("//") {
            return Ok(ApiError::unrecognized_path().into_response());
        }
        self.router.clone().call(request).await
    }
}

/// Any web client may talk to any server: credentials are in headers, never in cookies. The cookies of
/// logins by identity providers only say which browser began, and are of no use to scripts.
fn allow_any_origin(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST, PUT, DELETE, OPTIONS"),
    );
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("X-Requested-With, Content-Type, Authorization"),
    );
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("Retry-After"),
    );
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("of another type")
}

#[cfg(test)]
#[path = "front_test.rs"]
mod tests;
