//! What an operator can decide. `config.example.toml` explains each key and holds its default;
//! here stand the types that the rest of the program takes. One struct per table of the file,
//! one field per key, with the same names.

use std::{fmt, path::PathBuf};

use causeway_media::ThumbnailSize;
pub use causeway_outbound::IpRange;
use ruma::{OwnedServerName, RoomVersionId};

use super::captcha::Captcha;
use super::federation::Federation;
use super::mail::Mail;
use super::rtc::Rtc;
use super::sso::Sso;

/// All settings of one server, checked: whoever holds them need not check them again.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who this server is.
    pub server: Server,
    /// Where it listens, and what one connection may ask of it.
    pub listen: Listen,
    /// A Postgres of the operator's own, and the pool of connections to it.
    pub database: Database,
    /// The Postgres that the server runs by itself when `database.url` is absent.
    pub managed_postgres: ManagedPostgres,
    /// Routing between several nodes.
    pub redis: Redis,
    /// Who may make an account.
    pub registration: Registration,
    /// A riddle for who registers.
    pub captcha: Option<Captcha>,
    /// Ways to log in and how long tokens live.
    pub login: Login,
    /// Logins by identity providers.
    pub sso: Sso,
    /// Cost of password hashes and what a password must be.
    pub password: Password,
    /// How often somebody may do something.
    pub limits: Limits,
    /// Links to other servers.
    pub federation: Federation,
    /// Letters to people.
    pub mail: Mail,
    /// Memory for rooms.
    pub rooms: Rooms,
    /// The content repository.
    pub media: Media,
    /// Previews of links.
    pub previews: Previews,
    /// Requests to addresses that users choose.
    pub outbound: Outbound,
    /// Relays for calls.
    pub turn: Turn,
    /// Calls of several people.
    pub rtc: Rtc,
    /// Notifications.
    pub push: Push,
    /// Searching what was said.
    pub search: Search,
    /// The server's own log output.
    pub log: Log,
    /// Figures for Prometheus.
    pub metrics: Metrics,
    /// The documents below `/.well-known/matrix/`.
    pub well_known: WellKnown,
}

/// `[server]`
#[derive(Debug, Clone)]
pub struct Server {
    /// The name after the colon in user and room ids. It can never change once data exists.
    pub name: OwnedServerName,
    /// Where clients reach the server, as in `https://matrix.example.org`, without a slash at
    /// the end. Absent: `https://` and the server name, or for localhost the first plain
    /// address. Use [`Settings::public_base_url`].
    pub public_base_url: Option<String>,
    /// The version of rooms whose creator asks for none.
    pub default_room_version: RoomVersionId,
    /// Folder of the managed Postgres, of media and of the lock. Made when missing.
    pub data_dir: PathBuf,
    /// How long a stopping server lets running requests finish, in milliseconds.
    pub shutdown_grace_ms: u64,
}

/// `[listen]`
#[derive(Debug, Clone)]
pub struct Listen {
    /// Addresses (`host:port`) that speak plain HTTP.
    pub plain_address: Vec<String>,
    /// Addresses (`host:port`) that speak TLS. Both `tls_` files are there when this is not
    /// empty.
    pub tls_address: Vec<String>,
    /// PEM file with the certificate and its chain.
    pub tls_certificate: Option<PathBuf>,
    /// PEM file with the private key.
    pub tls_private_key: Option<PathBuf>,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpRange>,
    /// Largest JSON body of a request, in bytes. Uploads have `media.max_upload_bytes`.
    pub max_body_bytes: usize,
    /// Open connections at most; more wait in the kernel.
    pub max_connections: usize,
    /// A connection that has not sent the head of its request after this time is closed.
    pub header_timeout_ms: u64,
}

/// `[database]`
#[derive(Debug, Clone)]
pub struct Database {
    /// `postgres://...`; absent: managed Postgres. Holds a password, hence a secret.
    pub url: Option<Secret>,
    /// Connections of this process at most.
    pub pool_size: u32,
}

/// `[managed_postgres]`
#[derive(Debug, Clone)]
pub struct ManagedPostgres {
    /// Folder with `postgres` and `initdb`. Absent: searched on the system.
    pub bin_dir: Option<PathBuf>,
    /// Name of the user that Postgres runs as when the server itself runs as root. Absent:
    /// `postgres`, or another unprivileged user.
    pub run_as: Option<String>,
    /// Memory for Postgres's page cache, in bytes.
    pub shared_buffers_bytes: u64,
    /// Write-ahead log between two checkpoints, in bytes.
    pub max_wal_size_bytes: u64,
}

/// `[redis]`
#[derive(Debug, Clone)]
pub struct Redis {
    /// `redis://...` or `rediss://...`; absent: this process is the only node.
    pub url: Option<Secret>,
}

/// `[registration]`
#[derive(Debug, Clone)]
pub struct Registration {
    /// Whether `POST /register` makes accounts at all. The shared secret works either way.
    pub open: bool,
    /// Ask for a registration token (`m.login.registration_token`) instead of
    /// `m.login.dummy`. Only with `open`.
    pub require_token: bool,
    /// Whether guests may come in (`POST /register?kind=guest`).
    pub guests: bool,
    /// Whether a new account shows its localpart as its display name until its owner changes it.
    pub name_from_localpart: bool,
    /// Secret of `/_synapse/admin/v1/register`, the way in for scripts of administrators.
    pub shared_secret: Option<Secret>,
    /// What has to be agreed to on registration (`m.login.terms`); empty: nothing.
    pub terms: Vec<Term>,
}

/// `[[registration.terms]]`: a document that a new user agrees to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Its id, as in `privacy_policy`.
    pub id: String,
    /// Its version, as in `1.2`.
    pub version: String,
    /// Language of name and page, as in `en`.
    pub language: String,
    /// Its title.
    pub name: String,
    /// Its page.
    pub url: String,
}

/// `[login]`
#[derive(Debug, Clone)]
pub struct Login {
    /// Whether `m.login.password` is offered.
    pub password: bool,
    /// Whether `m.login.token` is offered, and `/login/get_token` to make one.
    pub token: bool,
    /// Life of a login token, in milliseconds.
    pub login_token_lifetime_ms: u64,
    /// Life of an access token whose client asked for a refresh token, in milliseconds.
    /// Clients that did not ask get tokens without an end.
    pub access_token_lifetime_ms: u64,
    /// Life of a user-interactive authentication session, in milliseconds.
    pub uia_session_lifetime_ms: u64,
}

/// `[password]`
#[derive(Debug, Clone)]
pub struct Password {
    /// Shortest password that is accepted, in characters.
    pub min_length: usize,
    /// Memory of one Argon2id run, in KiB.
    pub argon2_memory_kib: u32,
    /// Passes of Argon2id over its memory.
    pub argon2_iterations: u32,
    /// Lanes of Argon2id.
    pub argon2_lanes: u32,
    /// The cheapest parameters Argon2id has, whatever the three above say. For tests only.
    pub cheap_hash_for_tests: bool,
}

/// `[limits]`
#[derive(Debug, Clone)]
pub struct Limits {
    /// Whether anything below holds.
    pub enabled: bool,
    /// Logins, per address and per account.
    pub login: RateLimit,
    /// New accounts, per address.
    pub registration: RateLimit,
    /// Events sent (messages, state, redactions), per user.
    pub send: RateLimit,
    /// Rooms created, per user.
    pub create_room: RateLimit,
    /// Joins and knocks, per user.
    pub join: RateLimit,
    /// Invites, per inviter.
    pub invite: RateLimit,
    /// Uploads, per user.
    pub upload: RateLimit,
    /// Searches (messages, user directory, published rooms), per user.
    pub search: RateLimit,
    /// Previews of links, per user.
    pub preview: RateLimit,
    /// Letters to an e-mail address, per address of who asks.
    pub mail: RateLimit,
    /// Confirmed addresses, changed passwords, per address or user.
    pub confirm: RateLimit,
}

/// A bucket: holds `burst` drops, and gets `per_minute` new ones each minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many in a minute, in the long run. At least 1.
    pub per_minute: u32,
    /// How many at once. At least 1.
    pub burst: u32,
}

/// `[rooms]`
#[derive(Debug, Clone)]
pub struct Rooms {
    /// Memory for heads and states of active rooms, in bytes.
    pub cache_bytes: u64,
}

/// `[media]`
#[derive(Debug, Clone)]
pub struct Media {
    /// Where files lie. Absent: `media` below `server.data_dir`. Use [`Settings::media_dir`].
    pub dir: Option<PathBuf>,
    /// Largest upload, in bytes.
    pub max_upload_bytes: u64,
    /// Bytes that a user may store. Absent: any number.
    pub user_quota_bytes: Option<u64>,
    /// Page that tells users of the quota. Use [`Settings::quota_info_url`].
    pub quota_info_url: Option<String>,
    /// The sizes that thumbnails are made in.
    pub thumbnail_sizes: Vec<ThumbnailSize>,
    /// Pictures that are worked on at a time.
    pub thumbnail_workers: usize,
    /// Memory for pictures that are worked on, in bytes.
    pub thumbnail_memory_bytes: u64,
    /// Most pixels of a picture of which a thumbnail is made.
    pub max_image_pixels: u64,
    /// Largest file that is fetched from another server, in bytes.
    pub max_remote_bytes: u64,
    /// What the copies of other servers' files may take together, in bytes.
    pub remote_cache_bytes: u64,
    /// How long a copy stays that nobody asks for, in milliseconds.
    pub remote_lifetime_ms: u64,
}

/// `[previews]`
#[derive(Debug, Clone)]
pub struct Previews {
    /// Whether links are looked at at all.
    pub enabled: bool,
    /// How much of a page is read, in bytes.
    pub max_page_bytes: usize,
    /// Largest picture that is fetched, in bytes.
    pub max_image_bytes: u64,
    /// How long a preview is kept, in milliseconds.
    pub lifetime_ms: u64,
    /// The language that pages are asked for, as in `en, de;q=0.5`.
    pub accept_language: String,
}

/// `[outbound]`
#[derive(Debug, Clone)]
pub struct Outbound {
    /// Special addresses (private, loopback, ...) that may be reached all the same.
    pub allowed_addresses: Vec<IpRange>,
    /// Addresses that are never reached.
    pub denied_addresses: Vec<IpRange>,
    /// Files with certificates (PEM) of authorities that are believed besides those of the machine.
    pub trusted_authorities: Vec<PathBuf>,
}

/// `[turn]`
#[derive(Debug, Clone)]
pub struct Turn {
    /// Where the relays are, as in `turn:turn.example.org?transport=udp`; empty: there are none.
    pub uris: Vec<String>,
    /// How callers prove to a relay that they come from here.
    pub credentials: Option<TurnCredentials>,
    /// How long credentials are good for, in milliseconds.
    pub lifetime_ms: u64,
}

/// How callers prove to a relay that they come from here.
#[derive(Debug, Clone)]
pub enum TurnCredentials {
    /// A secret shared with the relay, from which each caller's own credentials are made.
    SharedSecret(Secret),
    /// The same name and password for all.
    Fixed {
        /// The name.
        username: String,
        /// The password.
        password: Secret,
    },
}

/// `[push]`
#[derive(Debug, Clone)]
pub struct Push {
    /// Whether the default push rules push all encrypted events (MSC4028).
    pub encrypted_events: bool,
    /// Whether push gateways may be reached by plain `http`, too.
    pub plain_http: bool,
}

/// `[search]`
#[derive(Debug, Clone)]
pub struct Search {
    /// Text search configurations of Postgres in which words are kept, one to three.
    pub language: Vec<String>,
}

/// `[log]`
#[derive(Debug, Clone)]
pub struct Log {
    /// Text for people, or one JSON object per line.
    pub format: LogFormat,
    /// What is logged, as in `info,causeway=debug`.
    pub filter: String,
    /// Absent: standard error.
    pub file: Option<PathBuf>,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object per line.
    Json,
}

/// `[metrics]`
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Whether `/metrics` exists.
    pub enabled: bool,
    /// What `Authorization: Bearer` must carry. Absent: only a direct peer on the loopback
    /// interface (without `X-Forwarded-For`) is answered.
    pub bearer_token: Option<Secret>,
}

/// `[well_known]`
#[derive(Debug, Clone)]
pub struct WellKnown {
    /// Whether `/.well-known/matrix/client` is served; it names the public base URL.
    pub client: bool,
    /// `m.server` of `/.well-known/matrix/server`; absent: the document is not served.
    pub server: Option<String>,
    /// The public key of the policy server of this name, unpadded Base64; absent: there is none.
    pub policy_server_key: Option<String>,
    /// Page of `/.well-known/matrix/support`.
    pub support_page: Option<String>,
    /// Contacts of `/.well-known/matrix/support`.
    pub support_contacts: Vec<SupportContact>,
}

/// `[[well_known.support_contacts]]`: at least one of the two addresses is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupportContact {
    /// `m.role.admin`, `m.role.security`, or a role of one's own.
    pub role: String,
    /// A Matrix user id.
    pub matrix_id: Option<String>,
    /// An e-mail address.
    pub email_address: Option<String>,
}

#[cfg(test)]
impl Limits {
    /// The same for everything.
    pub fn all(rate: RateLimit) -> Self {
        Self {
            enabled: true,
            login: rate,
            registration: rate,
            send: rate,
            create_room: rate,
            join: rate,
            invite: rate,
            upload: rate,
            search: rate,
            preview: rate,
            mail: rate,
            confirm: rate,
        }
    }
}

impl Settings {
    /// Where clients reach the server, without a slash at the end.
    pub fn public_base_url(&self) -> String {
        let Server {
            name,
            public_base_url,
            ..
        } = &self.server;
        match (public_base_url, self.listen.plain_address.first()) {
            (Some(url), _) => url.clone(),
            // for trying out: no certificate is for localhost
            (None, Some(address)) if name.host() == "localhost" => format!("http://{address}"),
            (None, _) => format!("https://{name}"),
        }
    }

    /// Where a user reads about the quota for files.
    pub fn quota_info_url(&self) -> String {
        let pages = [&self.media.quota_info_url, &self.well_known.support_page];
        let page = pages.into_iter().flatten().next().cloned();
        page.unwrap_or_else(|| self.public_base_url())
    }

    /// Where media files lie.
    pub fn media_dir(&self) -> PathBuf {
        match &self.media.dir {
            Some(dir) => dir.clone(),
            None => self.server.data_dir.join("media"),
        }
    }
}

/// A text that must not be seen: its `Debug` tells nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Never to be logged or sent.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
