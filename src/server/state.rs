//! The parts of a running server, as handlers see them.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use causeway_federation::Federation;
use causeway_identity::IdentityServers;
use causeway_mail::Mailer;
use causeway_media::Media;
use causeway_rooms::Rooms;
use causeway_rooms::delayed::DelayedEvents;
use causeway_rooms::read::Reader;
use causeway_sso::SignOn;
use causeway_store::{Clock, Log, Store};
use causeway_sync::Sync;
use causeway_users::Users;

use super::drain::Drain;
use super::entrance::Entrance;
use super::metrics::Figures;
use crate::client::extract::Authenticator;
use crate::config::Settings;

/// Everything a handler can ask for. A handler takes the part it needs, `State<Part>`, never the
/// whole. A clone is one reference count: the router makes some for each request.
#[derive(Clone)]
pub struct AppState(Arc<AppParts>);

/// The parts themselves.
pub struct AppParts {
    /// What the operator decided.
    pub settings: Arc<Settings>,
    /// Limits and proxies.
    pub entrance: Entrance,
    /// Looks up access tokens.
    pub authenticator: Authenticator,
    /// Accounts, sessions, devices.
    pub users: Users,
    /// Uploaded files.
    pub media: Media,
    /// Rooms: writing and reading.
    pub rooms: Rooms,
    /// Events that are sent later.
    pub delayed: DelayedEvents,
    /// What clients see of their rooms, and how they wait for more.
    pub sync: Sync,
    /// Links to other servers, if there are any.
    pub federation: Option<Federation>,
    /// Asks identity servers that clients name.
    pub identity: IdentityServers,
    /// Identity providers, by which people log in.
    pub sign_on: SignOn,
    /// Brings letters to people, if there is a mail server.
    pub mailer: Option<Mailer>,
    /// The time.
    pub clock: Clock,
    /// The database.
    pub store: Store,
    /// The log of durable changes.
    pub log: Log,
    /// Whether the server is stopping.
    pub drain: Drain,
    /// Figures for Prometheus, if they are served.
    pub figures: Option<Figures>,
}

impl From<AppParts> for AppState {
    fn from(parts: AppParts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for AppState {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.0
    }
}

macro_rules! parts {
    ($($field:ident: $part:ty,)*) => {$(
        impl FromRef<AppState> for $part {
            fn from_ref(state: &AppState) -> Self {
                state.$field.clone()
            }
        }
    )*};
}

parts! {
    settings: Arc<Settings>,
    entrance: Entrance,
    authenticator: Authenticator,
    users: Users,
    media: Media,
    rooms: Rooms,
    delayed: DelayedEvents,
    sync: Sync,
    federation: Option<Federation>,
    identity: IdentityServers,
    sign_on: SignOn,
    mailer: Option<Mailer>,
    clock: Clock,
    store: Store,
    log: Log,
    drain: Drain,
    figures: Option<Figures>,
}

impl FromRef<AppState> for Reader {
    fn from_ref(state: &AppState) -> Self {
        let server_name = state.rooms.server_name().to_owned();
        Self::new(state.store.clone(), server_name, state.clock.clone())
    }
}
