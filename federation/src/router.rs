//! All routes of the server API, on one page.
//!
//! Who speaks is proved by the handler's `Origin` or `Signed` argument; the endpoints of keys take
//! none, since keys are what signatures are checked with.

use axum::routing::{MethodRouter, get, post, put};

use crate::Federation;
use crate::api::{
    directory, info, key, media, member, query, room, third_party, transaction, user,
};

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
    rooms(&mut page);
    members(&mut page);
    files(&mut page);
    page.routes
}

fn keys(page: &mut Page<'_>) {
    page.get("/_matrix/key/v2/server", get(key::server));
    page.get("/_matrix/key/v2/server/{key_id}", get(key::server));
    page.get("/_matrix/key/v2/query/{server_name}", get(key::query_one));
    page.get(
        "/_matrix/key/v2/query/{server_name}/{key_id}",
        get(key::query_one_key),
    );
    page.post("/_matrix/key/v2/query", post(key::query));
}

fn server(page: &mut Page<'_>) {
    page.get("/_matrix/federation/v1/version", get(info::version));
    page.put(
        "/_matrix/federation/v1/send/{txn_id}",
        put(transaction::send),
    );
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

fn rooms(page: &mut Page<'_>) {
    const MISSING: &str = "/_matrix/federation/v1/get_missing_events/{room_id}";
    const NEAR: &str = "/_matrix/federation/v1/timestamp_to_event/{room_id}";
    const AUTH: &str = "/_matrix/federation/v1/event_auth/{room_id}/{event_id}";
    page.get("/_matrix/federation/v1/event/{event_id}", get(room::event));
    page.get("/_matrix/federation/v1/state/{room_id}", get(room::state));
    page.get(
        "/_matrix/federation/v1/state_ids/{room_id}",
        get(room::state_ids),
    );
    page.get(
        "/_matrix/federation/v1/backfill/{room_id}",
        get(room::backfill),
    );
    page.get(AUTH, get(room::auth));
    page.get(NEAR, get(room::near));
    page.post(MISSING, post(room::missing));
}

fn files(page: &mut Page<'_>) {
    page.get(
        "/_matrix/federation/v1/media/download/{media_id}",
        get(media::download),
    );
    page.get(
        "/_matrix/federation/v1/media/thumbnail/{media_id}",
        get(media::thumbnail),
    );
}

fn members(page: &mut Page<'_>) {
    const ON_BIND: &str = "/_matrix/federation/v1/3pid/onbind";
    for (path, service) in [
        (
            "/_matrix/federation/v1/make_join/{room_id}/{user_id}",
            get(member::make_join),
        ),
        (
            "/_matrix/federation/v1/make_leave/{room_id}/{user_id}",
            get(member::make_leave),
        ),
        (
            "/_matrix/federation/v1/make_knock/{room_id}/{user_id}",
            get(member::make_knock),
        ),
    ] {
        page.get(path, service);
    }
    for (path, service) in [
        (
            "/_matrix/federation/v1/send_join/{room_id}/{event_id}",
            put(member::send_join_v1),
        ),
        (
            "/_matrix/federation/v2/send_join/{room_id}/{event_id}",
            put(member::send_join),
        ),
        (
            "/_matrix/federation/v1/send_leave/{room_id}/{event_id}",
            put(member::send_leave_v1),
        ),
        (
            "/_matrix/federation/v2/send_leave/{room_id}/{event_id}",
            put(member::send_leave),
        ),
        (
            "/_matrix/federation/v1/send_knock/{room_id}/{event_id}",
            put(member::send_knock),
        ),
        (
            "/_matrix/federation/v1/invite/{room_id}/{event_id}",
            put(member::invite_v1),
        ),
        (
            "/_matrix/federation/v2/invite/{room_id}/{event_id}",
            put(member::invite),
        ),
        (
            "/_matrix/federation/v1/exchange_third_party_invite/{room_id}",
            put(third_party::exchange),
        ),
        (ON_BIND, put(third_party::on_bind)),
    ] {
        page.put(path, service);
    }
    // So do identity servers that are older than the specification.
    page.post(ON_BIND, post(third_party::on_bind));
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

    fn put(&mut self, path: &'static str, service: MethodRouter<Federation>) {
        self.add(http::Method::PUT, path, service);
    }

    fn add(&mut self, method: http::Method, path: &'static str, service: MethodRouter<Federation>) {
        self.routes.push(Route {
            path,
            method,
            service: service.with_state(self.federation.clone()),
        });
    }
}
