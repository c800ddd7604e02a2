//! The letter box as the rest of the program holds it.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::FromRef;
use causeway_events::ServerKey;
use causeway_media::Media;
use causeway_outbound::{AddressPolicy, Outbound};
use causeway_rooms::Rooms;
use causeway_rooms::read::Reader as RoomReader;
use causeway_store::{Clock, Log, Store, StoreError};
use causeway_users::Users;
use http::HeaderValue;
use ruma::OwnedServerName;

use crate::Ephemera;
use crate::keys::KeyRing;
use crate::links::{LinkSettings, Links, NameError, Ports, SystemNames, TrustError};
use crate::outbox::{Outbox, Reader};
use crate::patience::Patience;
use crate::policy::Policies;
use crate::receive::Counter;
use crate::remote_media::Fetcher;

/// What an operator decides about links to other servers.
#[derive(Debug, Clone)]
pub struct FederationSettings {
    /// Which addresses may be reached.
    pub policy: AddressPolicy,
    /// Files (PEM) with authorities that are believed besides those of the machine.
    pub trusted_authorities: Vec<PathBuf>,
    /// Servers that are asked for keys of others.
    pub notaries: Vec<OwnedServerName>,
    /// Fetches files that lie where another server says.
    pub outbound: Outbound,
}

/// Why the letter box cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// An authority cannot be used.
    #[error("federation.trusted_authorities: {0}")]
    Trust(#[from] TrustError),
    /// Names cannot be looked up.
    #[error("names of servers cannot be looked up: {0}")]
    Names(#[from] NameError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The letter box: links, keys, and what answers other servers. Cheap to clone.
#[derive(Clone, FromRef)]
pub struct Federation {
    links: Links,
    ring: KeyRing,
    rooms: Rooms,
    reader: RoomReader,
    users: Users,
    media: Media,
    clock: Clock,
    #[from_ref(skip)]
    ephemera: Arc<dyn Ephemera>,
    #[from_ref(skip)]
    counter: Counter,
    #[from_ref(skip)]
    fetcher: Arc<Fetcher>,
    /// With servers that do not answer when they are asked for history.
    #[from_ref(skip)]
    patience: Arc<Patience>,
}

/// The parts of the server that other servers ask.
pub struct Neighbours {
    /// Rooms.
    pub rooms: Rooms,
    /// Reading of rooms.
    pub reader: RoomReader,
    /// Users.
    pub users: Users,
    /// Files.
    pub media: Media,
    /// What lives in memory only.
    pub ephemera: Arc<dyn Ephemera>,
}

impl Federation {
    /// Opens it; nobody is spoken to yet.
    ///
    /// # Errors
    /// [`OpenError`] says why not.
    pub async fn open(
        settings: FederationSettings,
        store: Store,
        clock: Clock,
        key: ServerKey,
        neighbours: Neighbours,
    ) -> Result<Self, OpenError> {
        let Neighbours {
            rooms,
            reader,
            users,
            media,
            ephemera,
        } = neighbours;
        let links = Links::new(LinkSettings {
            key: key.clone(),
            policy: settings.policy,
            trusted_authorities: settings.trusted_authorities,
            user_agent: HeaderValue::from_static(concat!("Causeway/", env!("CARGO_PKG_VERSION"))),
            ports: Ports::default(),
            names: Arc::new(SystemNames::new()?),
            clock: clock.clone(),
        })?;
        let policies = Policies::new(links.clone(), clock.clone());
        rooms.ask_policy_by(Arc::new(policies));
        let now = clock.clone();
        let ring = KeyRing::open(store, now, links.clone(), key, settings.notaries).await?;
        Ok(Self {
            links,
            ring,
            rooms,
            reader,
            users,
            media,
            clock,
            ephemera,
            counter: Counter::new(),
            fetcher: Arc::new(Fetcher::new(settings.outbound)),
            patience: Arc::new(Patience::new()),
        })
    }

    /// Signed requests to other servers.
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// The outbox, with the reader of the log behind it, which is to be run.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn outbox(
        &self,
        store: Store,
        clock: Clock,
        log: &Log,
    ) -> Result<(Outbox, Reader), StoreError> {
        let (outbox, reader) = Outbox::open(self.links.clone(), store, clock, log).await?;
        let (told, patience) = (outbox.clone(), self.patience.clone());
        self.ring.listen(move |server| {
            told.heard_from(server);
            patience.forgive(server);
        });
        Ok((outbox, reader))
    }

    /// Keys of servers.
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }

    pub(crate) fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    pub(crate) fn users(&self) -> &Users {
        &self.users
    }

    pub(crate) fn ephemera(&self) -> &dyn Ephemera {
        &*self.ephemera
    }

    pub(crate) fn media(&self) -> &Media {
        &self.media
    }

    pub(crate) fn fetcher(&self) -> &Fetcher {
        &self.fetcher
    }

    pub(crate) fn patience(&self) -> &Patience {
        &self.patience
    }

    pub(crate) fn counter(&self) -> &Counter {
        &self.counter
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }
}
