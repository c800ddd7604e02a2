//! What is noted about a request while it runs, for its log line, its metrics and its limits.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use axum::extract::Request;
use axum::handler::Handler;
use ruma::OwnedUserId;

use super::rate_limit::Action;
use super::request_log::EndpointFigures;

/// Longest room id (or alias) that goes on a log line; Matrix identifiers have at most 255 bytes.
const MAX_NOTED_ROOM_BYTES: usize = 255;

/// An endpoint as it was registered.
#[derive(Debug)]
pub struct Endpoint {
    /// The path with its parameters, such as `/_matrix/client/v3/rooms/{room_id}/leave`.
    pub template: String,
    /// Who may use it, and how often.
    pub access: Access,
    /// How often it was used, and how long that took.
    pub figures: EndpointFigures,
}

/// Who may use an endpoint, and how often.
#[derive(Debug, Clone, Copy)]
pub struct Access {
    guests: bool,
    suspended: bool,
    locked: bool,
    limit: Option<Action>,
}

impl Access {
    /// Users with an account, suspended ones too.
    pub const USERS: Self = Self {
        guests: false,
        suspended: true,
        locked: false,
        limit: None,
    };

    /// Guests too (client-server API, "Guest access").
    pub const GUESTS: Self = Self {
        guests: true,
        ..Self::USERS
    };

    /// The same, closed to suspended accounts (client-server API, "Account suspension").
    pub const fn taking_part(self) -> Self {
        Self {
            suspended: false,
            ..self
        }
    }

    /// The same, open to locked accounts (client-server API, "Account locking").
    pub const fn even_locked(self) -> Self {
        Self {
            locked: true,
            ..self
        }
    }

    /// The same, limited as `action`.
    pub const fn limited(self, action: Action) -> Self {
        Self {
            limit: Some(action),
            ..self
        }
    }
}

/// A request while it runs. It travels as an `Arc` in the request's extensions.
#[derive(Debug)]
pub struct RequestRecord {
    client_ip: IpAddr,
    endpoint: OnceLock<Arc<Endpoint>>,
    user: OnceLock<OwnedUserId>,
    room: OnceLock<Box<str>>,
}

impl RequestRecord {
    /// A new record of a request from `client_ip`.
    pub fn new(client_ip: IpAddr) -> Self {
        Self {
            client_ip,
            endpoint: OnceLock::new(),
            user: OnceLock::new(),
            room: OnceLock::new(),
        }
    }

    /// Address of the client, behind trusted proxies.
    pub fn client_ip(&self) -> IpAddr {
        self.client_ip
    }

    /// The path's template; `-` where no endpoint matched.
    pub fn template(&self) -> &str {
        self.endpoint
            .get()
            .map_or("-", |endpoint| &endpoint.template)
    }

    /// The figures of the endpoint, where one matched.
    pub fn figures(&self) -> Option<&EndpointFigures> {
        self.endpoint.get().map(|endpoint| &endpoint.figures)
    }

    /// Whether guests may use the endpoint.
    pub fn allows_guests(&self) -> bool {
        self.endpoint
            .get()
            .is_some_and(|endpoint| endpoint.access.guests)
    }

    /// Whether suspended accounts may use the endpoint.
    pub fn allows_suspended(&self) -> bool {
        self.endpoint
            .get()
            .is_some_and(|endpoint| endpoint.access.suspended)
    }

    /// Whether locked accounts may use the endpoint.
    pub fn allows_locked(&self) -> bool {
        self.endpoint
            .get()
            .is_some_and(|endpoint| endpoint.access.locked)
    }

    /// As what the request is limited.
    pub fn limit(&self) -> Option<Action> {
        self.endpoint
            .get()
            .and_then(|endpoint| endpoint.access.limit)
    }

    /// Notes who speaks.
    pub fn set_user(&self, user: &OwnedUserId) {
        self.user.get_or_init(|| user.clone());
    }

    /// Who speaks, once that is proved.
    pub fn user(&self) -> Option<&OwnedUserId> {
        self.user.get()
    }

    /// Notes which room the request is about, as the client wrote it.
    pub fn set_room(&self, room: &str) {
        if room.len() <= MAX_NOTED_ROOM_BYTES {
            self.room.get_or_init(|| room.into());
        }
    }

    /// Which room the request is about.
    pub fn room(&self) -> Option<&str> {
        self.room.get().map(|room| &**room)
    }
}

/// A handler that notes in the request's record which endpoint it is. It adds nothing to the
/// handler's future.
#[derive(Clone)]
pub struct Registered<H> {
    handler: H,
    endpoint: Arc<Endpoint>,
}

impl<H> Registered<H> {
    /// `handler` as `endpoint`.
    pub fn new(handler: H, endpoint: Endpoint) -> Self {
        Self {
            handler,
            endpoint: Arc::new(endpoint),
        }
    }
}

impl<H, T, S> Handler<T, S> for Registered<H>
where
    H: Handler<T, S>,
{
    type Future = H::Future;

    fn call(self, request: Request, state: S) -> Self::Future {
        if let Some(record) = request.extensions().get::<Arc<RequestRecord>>() {
            record.endpoint.get_or_init(|| self.endpoint.clone());
        }
        self.handler.call(request, state)
    }
}
