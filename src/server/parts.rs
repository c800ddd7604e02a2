//! The parts of a server, wired together.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use causeway_events::{RoomVersion, ServerKey};
use causeway_federation::{Federation, FederationSettings, Neighbours};
use causeway_identity::IdentityServers;
use causeway_media::{Media, MediaSettings, PreviewSettings, Quota, RemoteSettings};
use causeway_outbound::AddressPolicy;
use causeway_rooms::delayed::DelayedEvents;
use causeway_rooms::read::Reader;
use causeway_rooms::{RoomSettings, Rooms};
use causeway_search::Indexer;
use causeway_store::{Clock, Log, Store, search, signing_keys};
use causeway_sync::Sync;
use causeway_users::password::HashCost;
use causeway_users::settings::{RegistrationSettings, Term};
use causeway_users::{Users, UsersSettings, secret};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::task::JoinSet;

use super::bell::Bell;
use super::captcha;
use super::drain::Drain;
use super::entrance::Entrance;
use super::ephemera::Moment;
use super::gate::{self, Manner};
use super::letters;
use super::metrics::{self, Figures};
use super::post::Post;
use super::sso;
use super::state::{AppParts, AppState};
use crate::client::error::delayed as errors;
use crate::config::{self, Settings};

/// Memory that one warm room takes, as the setting `rooms.cache_bytes` is turned into a number of
/// rooms: a head of about fifty state events and some members.
const WARM_ROOM_BYTES: u64 = 64 * 1024;

/// How long a preview waits for a name and a connection, for one request, and how often it is sent
/// elsewhere.
const PREVIEW_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const PREVIEW_TIMEOUT: Duration = Duration::from_secs(20);
const PREVIEW_REDIRECTS: usize = 5;

/// Longest time for a file that lies elsewhere.
const MEDIA_TIMEOUT: Duration = Duration::from_secs(600);

/// The parts that requests use, and those that run beside them.
pub struct Parts {
    /// What handlers see.
    pub state: AppState,
    background: JoinSet<()>,
    bell: Bell,
    post: Option<Post>,
}

/// Opens all parts.
///
/// # Errors
/// If the database does not answer.
pub async fn open(
    settings: &Arc<Settings>,
    store: &Store,
    log: Log,
    drain: &Drain,
    figures: Option<PrometheusHandle>,
) -> anyhow::Result<Parts> {
    let clock = Clock::system();
    let key = signing_keys::load_or_create(store, &settings.server.name, &clock)
        .await
        .context("the signing key cannot be loaded")?;
    let shared = || (store.clone(), log.clone(), clock.clone());
    let (cellar, diary, time) = shared();
    let rooms = Rooms::new(room_settings(settings)?, cellar, diary, time, key.clone());
    let (cellar, diary, time) = shared();
    let users = Users::new(cellar, diary, time, user_settings(settings)?);
    let media = Media::open(store.clone(), clock.clone(), media_settings(settings)?)
        .await
        .context("the folder of media cannot be used")?;
    let (bell, board) = Bell::start(settings, store, &log, &clock).await?;
    let sync = Sync::start(store.clone(), &log, &board, clock.clone());
    let neighbours = Neighbours {
        rooms: rooms.clone(),
        reader: Reader::new(store.clone(), rooms.server_name().to_owned(), clock.clone()),
        users: users.clone(),
        media: media.clone(),
        ephemera: Arc::new(Moment(sync.clone())),
    };
    let federation = letter_box(settings, store, &clock, key, neighbours).await?;
    let indexer = indexer(settings, store, &log).await?;
    let post = Post::start(federation.as_ref(), store, &clock, &log, &sync).await?;
    let figures = figures.map(|handle| Figures {
        handle,
        bearer_token: settings.metrics.bearer_token.clone(),
    });
    let entrance = Entrance::new(
        settings.listen.max_body_bytes,
        settings.limits.clone(),
        settings.listen.trusted_proxies.clone(),
    );
    let state = AppState::from(AppParts {
        settings: settings.clone(),
        entrance,
        authenticator: Arc::new(users.clone()),
        users,
        media,
        delayed: DelayedEvents::new(rooms.clone()),
        rooms,
        sync,
        federation,
        identity: IdentityServers::new(gate::outbound(settings, FOR_IDENTITY)?),
        sign_on: sso::sign_on(settings)?,
        mailer: letters::mailer(settings)?,
        store: store.clone(),
        log,
        clock,
        drain: drain.clone(),
        figures,
    });
    let mut background = background(&state);
    background.spawn(indexer.run());
    Ok(Parts {
        background,
        state,
        bell,
        post,
    })
}

/// The reader of the log that keeps words for searches.
async fn indexer(settings: &Settings, store: &Store, log: &Log) -> anyhow::Result<Indexer> {
    let languages = &settings.search.language;
    let (unknown, known) = search::unknown_languages(store, languages).await?;
    if !unknown.is_empty() {
        anyhow::bail!(
            "search.language: Postgres does not know {}; it knows {}",
            unknown.join(", "),
            known.join(", ")
        );
    }
    Indexer::open(store.clone(), log, languages.clone())
        .await
        .context("the reader for searches cannot be started")
}

/// The work that goes on until the server stops, besides that of `Bell`.
fn background(state: &AppState) -> JoinSet<()> {
    let mut background = JoinSet::new();
    let (stopping, waiting) = (state.drain.clone(), state.sync.clone());
    background.spawn(async move {
        stopping.begun().await;
        waiting.drain();
    });
    let office = state.users.clone();
    background.spawn(async move { office.run().await });
    let gallery = state.media.clone();
    background.spawn(async move { gallery.run().await });
    let delayed = state.delayed.clone();
    background.spawn(delayed.run(errors::told, errors::silenced));
    background.spawn(causeway_store::state::keep(
        state.store.clone(),
        state.log.tail(),
    ));
    if let Some(figures) = &state.figures {
        background.spawn(metrics::keep_up(figures.handle.clone()));
    }
    background
}

/// Links to other servers, where there are to be any.
async fn letter_box(
    settings: &Settings,
    store: &Store,
    clock: &Clock,
    key: ServerKey,
    neighbours: Neighbours,
) -> anyhow::Result<Option<Federation>> {
    let config::Federation {
        enabled,
        trusted_authorities,
        allowed_addresses,
        denied_addresses,
        notaries,
        ..
    } = &settings.federation;
    if !enabled {
        return Ok(None);
    }
    let links = FederationSettings {
        policy: AddressPolicy {
            allowed: allowed_addresses.clone(),
            denied: denied_addresses.clone(),
        },
        trusted_authorities: trusted_authorities.clone(),
        notaries: notaries.clone(),
        outbound: gate::outbound(settings, FOR_MEDIA)?,
    };
    let (store, clock) = (store.clone(), clock.clone());
    let opened = Federation::open(links, store, clock, key, neighbours).await;
    Ok(Some(opened.context("links to other servers")?))
}

fn room_settings(settings: &Settings) -> anyhow::Result<RoomSettings> {
    let version = &settings.server.default_room_version;
    let warm_rooms = settings.rooms.cache_bytes / WARM_ROOM_BYTES;
    Ok(RoomSettings {
        server_name: settings.server.name.clone(),
        default_version: RoomVersion::find(version)
            .with_context(|| format!("server.default_room_version: no room version {version}"))?,
        warm_rooms: usize::try_from(warm_rooms).unwrap_or(usize::MAX).max(1),
    })
}

fn media_settings(settings: &Settings) -> anyhow::Result<MediaSettings> {
    let config::Media {
        max_upload_bytes,
        user_quota_bytes,
        thumbnail_workers,
        thumbnail_memory_bytes,
        max_image_pixels,
        max_remote_bytes,
        remote_cache_bytes,
        remote_lifetime_ms,
        ..
    } = settings.media;
    let previews = &settings.previews;
    let previews = if previews.enabled {
        Some(PreviewSettings {
            outbound: gate::outbound(settings, FOR_PREVIEWS)?,
            max_page_bytes: previews.max_page_bytes,
            max_image_bytes: previews.max_image_bytes,
            lifetime_ms: previews.lifetime_ms,
            accept_language: previews.accept_language.clone(),
        })
    } else {
        None
    };
    Ok(MediaSettings {
        server_name: settings.server.name.clone(),
        dir: settings.media_dir(),
        max_upload_bytes,
        user_quota: user_quota_bytes.map(|bytes| Quota {
            bytes,
            info_url: settings.quota_info_url(),
        }),
        thumbnail_sizes: settings.media.thumbnail_sizes.clone(),
        thumbnail_workers,
        thumbnail_memory_bytes,
        max_image_pixels,
        remote: RemoteSettings {
            max_bytes: max_remote_bytes,
            cache_bytes: remote_cache_bytes,
            lifetime_ms: remote_lifetime_ms,
        },
        previews,
    })
}

/// How previews of links are fetched.
const FOR_PREVIEWS: Manner = Manner {
    user_agent: concat!("Causeway/", env!("CARGO_PKG_VERSION"), " (link preview)"),
    connect_timeout: PREVIEW_CONNECT_TIMEOUT,
    timeout: PREVIEW_TIMEOUT,
    max_redirects: PREVIEW_REDIRECTS,
};

/// How files are fetched from where another server says that they lie.
const FOR_MEDIA: Manner = Manner {
    user_agent: concat!("Causeway/", env!("CARGO_PKG_VERSION")),
    connect_timeout: PREVIEW_CONNECT_TIMEOUT,
    timeout: MEDIA_TIMEOUT,
    max_redirects: PREVIEW_REDIRECTS,
};

/// How identity servers are asked.
const FOR_IDENTITY: Manner = Manner {
    user_agent: concat!("Causeway/", env!("CARGO_PKG_VERSION")),
    connect_timeout: Duration::from_secs(10),
    timeout: Duration::from_secs(20),
    max_redirects: 0,
};

fn user_settings(settings: &Settings) -> anyhow::Result<UsersSettings> {
    let Settings {
        registration,
        login,
        password,
        ..
    } = settings;
    let hidden = |text: &config::Secret| secret::Secret::new(text.expose());
    Ok(UsersSettings {
        server_name: settings.server.name.clone(),
        registration: RegistrationSettings {
            open: registration.open,
            require_token: registration.require_token,
            guests: registration.guests,
            name_from_localpart: registration.name_from_localpart,
            captcha: captcha::captcha(settings)?,
            shared_secret: registration.shared_secret.as_ref().map(hidden),
            terms: registration.terms.iter().map(term).collect(),
        },
        password_login: login.password,
        token_login: login.token,
        sso_providers: settings
            .sso
            .providers
            .iter()
            .map(|it| it.id.clone())
            .collect(),
        sso_attempt_lifetime_ms: settings.sso.attempt_lifetime_ms,
        login_token_lifetime_ms: login.login_token_lifetime_ms,
        access_token_lifetime_ms: login.access_token_lifetime_ms,
        uia_session_lifetime_ms: login.uia_session_lifetime_ms,
        push_encrypted_events: settings.push.encrypted_events,
        email: letters::emails(&settings.mail),
        federates: settings.federation.enabled,
        push_plain_http: settings.push.plain_http,
        min_password_length: password.min_length,
        hash_cost: if password.cheap_hash_for_tests {
            HashCost::CHEAPEST
        } else {
            HashCost {
                memory_kib: password.argon2_memory_kib,
                iterations: password.argon2_iterations,
                lanes: password.argon2_lanes,
            }
        },
    })
}

fn term(term: &config::Term) -> Term {
    Term {
        id: term.id.clone(),
        version: term.version.clone(),
        language: term.language.clone(),
        name: term.name.clone(),
        url: term.url.clone(),
    }
}

impl Parts {
    /// Ends what runs beside requests, writes what it kept, and lets go of the log.
    pub async fn close(mut self) {
        self.background.shutdown().await;
        self.bell.close().await;
        if let Some(post) = self.post {
            post.close().await;
        }
        if let Err(error) = self.state.users.flush_seen().await {
            tracing::warn!(%error, "the last sights of devices were not written");
        }
    }
}
