//! The office: accounts, sessions, devices and their keys, and what people keep here (profiles,
//! account data, filters, push rules, pushers, key backups).
//!
//! Laws:
//! - A password or token is never stored, logged or shown; what is stored is its hash.
//! - Changes that others must hear of (profiles, account data, device lists, ended sessions) go
//!   through the log; everything else is written by `causeway_store::users`.
//! - A request with a known token costs no query: sessions are cached, within bounds, and the
//!   time a device was last seen is written in the background.
//!
//! Start reading at [`Users`], then [`uia`] and [`sessions`].

use std::sync::Arc;

use causeway_store::{Clock, Log, Store};
use ruma::{OwnedUserId, ServerName, UserId};

pub mod account_data;
pub mod accounts;
mod background;
pub mod backup;
pub mod captcha;
pub mod dehydrated;
pub mod devices;
pub mod directory;
pub mod emails;
pub mod filters;
pub mod from_servers;
mod guests;
pub mod keys;
pub mod localpart;
pub mod login;
pub mod moderation;
pub mod openid;
mod order;
pub mod password;
pub mod profile;
pub mod push_rules;
pub mod pushers;
pub mod registration;
pub mod reports;
pub mod secret;
mod seen;
pub mod sessions;
pub mod settings;
pub mod shared_secret;
pub mod sso;
pub mod tags;
pub mod threads;
pub mod to_device;
pub mod uia;

pub use sessions::Session;
pub use settings::UsersSettings;

use order::InTurn;
use password::Hasher;
use seen::LastSeen;
use sessions::SessionCache;

/// The office's door. Cheap to clone.
#[derive(Clone)]
pub struct Users(Arc<Inner>);

struct Inner {
    store: Store,
    log: Log,
    clock: Clock,
    settings: UsersSettings,
    hasher: Hasher,
    sessions: SessionCache,
    seen: LastSeen,
    in_turn: InTurn,
}

impl Users {
    /// Opens the office.
    pub fn new(store: Store, log: Log, clock: Clock, settings: UsersSettings) -> Self {
        let hasher = Hasher::new(settings.hash_cost);
        Self(Arc::new(Inner {
            store,
            log,
            clock,
            settings,
            hasher,
            sessions: SessionCache::new(),
            seen: LastSeen::default(),
            in_turn: InTurn::default(),
        }))
    }

    /// What was decided for this server.
    pub fn settings(&self) -> &UsersSettings {
        &self.0.settings
    }

    /// The name after the colon in the ids of its users.
    pub fn server_name(&self) -> &ServerName {
        &self.0.settings.server_name
    }

    /// Whether this server speaks to others.
    pub(crate) fn speaks_to_others(&self) -> bool {
        self.settings().federates
    }

    /// Whether a user id belongs to this server. It need not have an account.
    pub fn is_local(&self, user_id: &UserId) -> bool {
        user_id.server_name() == self.server_name()
    }

    /// The id that a person who gives `name`, a localpart or a whole id, means. None if it
    /// cannot be a user of this server.
    pub fn resolve(&self, name: &str) -> Option<OwnedUserId> {
        let id = if name.starts_with('@') {
            UserId::parse(name).ok()?
        } else {
            UserId::parse_with_server_name(name, self.server_name()).ok()?
        };
        self.is_local(&id).then_some(id)
    }

    fn now_ms(&self) -> u64 {
        self.0.clock.now_ms()
    }

    fn store(&self) -> &Store {
        &self.0.store
    }

    fn log(&self) -> &Log {
        &self.0.log
    }
}
