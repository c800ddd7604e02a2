//! All routes of the server API, on one page.
//!
//! Who speaks is proved by the handler's `Origin` or `Signed` argument; the endpoints of keys take
//! none, since keys are what signatures are checked with.

use axum::routing::{MethodRouter, get, post};

use crate::Federation;
use crate::api::{directory, info, key, query, user};

/// A path and what answers there.
pub struct Route {
    /// The path, with parameters in braces.
    pub path: &'static str,
    /// The method of HTTP.
    pub method: http::Method,
    /// What answers.
    pub service: MethodRouter,
}

/// The endpoints of the server API, for the front door to register.
pub fn routes(federation: &Federation) -> Vec<Route> {
    let mut page = Page {
        federation,
        routes: Vec::new(),
    };
    keys(&mut page);
    server(&mut page);
    queries(&mut page);
    users(&mut page);
    page.routes
}

fn keys(page: &mut Page<'_>) {
    page.get("/_matrix/key/v2/server", get(key::server));
    page.get("/_matrix/key/v2/server/{key_id}", get(key::server));
    page.get("/_matrix/key/v2/query/{server_name}", get(key::query_one));
    page.post("/_matrix/key/v2/query", post(key::query));
}

fn server(page: &mut Page<'_>) {
    page.get("/_matrix/federation/v1/version", get(info::version));
}

fn queries(page: &mut Page<'_>) {
    const PUBLIC_ROOMS: &str = "/_matrix/federation/v1/publicRooms";
    page.get("/_matrix/federation/v1/query/profile", get(query::profile));
    page.get(
        "/_matrix/federation/v1/query/directory",
        get(query::directory),
    );
    page.get(PUBLIC_ROOMS, get(directory::public_rooms));
    page.post(PUBLIC_ROOMS, post(directory::public_rooms_filtered));
}

fn users(page: &mut Page<'_>) {
    page.get(
        "/_matrix/federation/v1/user/devices/{user_id}",
        get(user::devices),
    );
    page.post("/_matrix/federation/v1/user/keys/query", post(user::keys));
    page.post("/_matrix/federation/v1/user/keys/claim", post(user::claim));
}

struct Page<'a> {
    federation: &'a Federation,
    routes: Vec<Route>,
}

impl Page<'_> {
    fn get(&mut self, path: &'static str, service: MethodRouter<Federation>) {
        self.add(http::Method::GET, path, service);
    }

    fn post(&mut self, path: &'static str, service: MethodRouter<Federation>) {
        self.add(http::Method::POST, path, service);
    }

    fn add(&mut self, method: http::Method, path: &'static str, service: MethodRouter<Federation>) {
        self.routes.push(Route {
            path,
            method,
            service: service.with_state(self.federation.clone()),
        });
    }
}
