//! Each table of the file, key by key, into its struct; and what keys say together.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use causeway_media::ThumbnailSize;
use causeway_store::search::MAX_LANGUAGES;
use ruma::{OwnedServerName, RoomVersionId};

use super::{
    captcha, federation, mail,
    reader::{Reader, Section},
    rtc::Rtc,
    settings::{
        Database, Limits, Listen, Log, LogFormat, Login, ManagedPostgres, Media, Metrics, Outbound,
        Password, Previews, Push, RateLimit, Redis, Registration, Rooms, Search, Server, Settings,
        SupportContact, Term, Turn, TurnCredentials, WellKnown,
    },
    sso,
    tree::{Node, Tree},
    values::{self, bytes, find_bytes, find_path, find_text, flag, millis, number, text, texts},
};

pub(super) const RANGES: &str =
    "a list of addresses or ranges such as [\"127.0.0.1\", \"10.0.0.0/8\"]";
const DAY_MS: u64 = 86_400_000;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Reads everything. What is wrong is in the reader afterwards; the settings that come back are
/// of use only when nothing is.
pub(super) fn settings(reader: &mut Reader) -> Settings {
    Settings {
        server: server(&mut reader.table("server")),
        listen: listen(&mut reader.table("listen")),
        database: database(&mut reader.table("database")),
        managed_postgres: managed_postgres(&mut reader.table("managed_postgres")),
        redis: redis(&mut reader.table("redis")),
        registration: registration(&mut reader.table("registration")),
        captcha: captcha::read(&mut reader.table("captcha")),
        login: login(&mut reader.table("login")),
        sso: sso::read(&mut reader.table("sso")),
        password: password(&mut reader.table("password")),
        limits: limits(&mut reader.table("limits")),
        federation: federation::read(&mut reader.table("federation")),
        mail: mail::read(&mut reader.table("mail")),
        rooms: rooms(&mut reader.table("rooms")),
        media: media(&mut reader.table("media")),
        previews: previews(&mut reader.table("previews")),
        outbound: outbound(&mut reader.table("outbound")),
        turn: turn(&mut reader.table("turn")),
        rtc: Rtc::read(&mut reader.table("rtc")),
        push: push(&mut reader.table("push")),
        search: search(&mut reader.table("search")),
        log: log(&mut reader.table("log")),
        metrics: metrics(&mut reader.table("metrics")),
        well_known: well_known(&mut reader.table("well_known")),
    }
}

fn server(s: &mut Section<'_>) -> Server {
    let name = "a server name such as \"example.org\" or \"example.org:8448\"";
    Server {
        name: text(s, "name", name, |it| OwnedServerName::try_from(it).ok()),
        public_base_url: find_text(
            s,
            "public_base_url",
            "a URL such as \"https://matrix.example.org\"",
            values::web_url,
        ),
        default_room_version: text(
            s,
            "default_room_version",
            "a text from \"1\" to \"12\"",
            room_version,
        ),
        data_dir: text(s, "data_dir", "a path", values::filled).into(),
        shutdown_grace_ms: millis(s, "shutdown_grace_ms", 0..=600_000),
    }
}

fn room_version(text: &str) -> Option<RoomVersionId> {
    let known = (1..=12).any(|version: u8| version.to_string() == text);
    known.then(|| RoomVersionId::try_from(text).ok())?
}

fn listen(s: &mut Section<'_>) -> Listen {
    let addresses = "a list of addresses such as [\"127.0.0.1:8008\", \"[::1]:8008\"]";
    let listen = Listen {
        plain_address: texts(s, "plain_address", addresses, values::address),
        tls_address: texts(s, "tls_address", addresses, values::address),
        tls_certificate: find_path(s, "tls_certificate"),
        tls_private_key: find_path(s, "tls_private_key"),
        trusted_proxies: texts(s, "trusted_proxies", RANGES, values::ip_range),
        max_body_bytes: bytes(s, "max_body_bytes", 65_536..=GIB),
        max_connections: number(s, "max_connections", 1..=1_000_000),
        header_timeout_ms: millis(s, "header_timeout_ms", 100..=600_000),
    };
    let files = [
        ("tls_certificate", listen.tls_certificate.is_some()),
        ("tls_private_key", listen.tls_private_key.is_some()),
    ];
    for (key, given) in files {
        if !listen.tls_address.is_empty() && !given {
            let problem = format!("`tls_address` is given and `{key}` is not");
            s.contradiction("tls_address", &problem, &format!("add `{key}`, a path"));
        }
        if listen.tls_address.is_empty() && given {
            let problem = format!("`{key}` is given and `tls_address` is empty");
            s.contradiction(
                key,
                &problem,
                "add `tls_address`, such as [\"0.0.0.0:8448\"]",
            );
        }
    }
    if listen.tls_address.is_empty() && listen.plain_address.is_empty() {
        let remedy = "give `plain_address` or `tls_address` an address";
        s.contradiction("plain_address", "the server would listen nowhere", remedy);
    }
    for (key, list, earlier) in [
        ("plain_address", &listen.plain_address, &[][..]),
        (
            "tls_address",
            &listen.tls_address,
            &listen.plain_address[..],
        ),
    ] {
        for (at, address) in list.iter().enumerate() {
            let again = list[..at].contains(address) || earlier.contains(address);
            if again && !address.ends_with(":0") {
                let problem = format!("{address} is given twice");
                s.contradiction(key, &problem, "name each address once");
            }
        }
    }
    listen
}

fn database(s: &mut Section<'_>) -> Database {
    let url = "a URL such as \"postgres://user:password@host/database\"";
    let fits = |it: &str| it.starts_with("postgres://") || it.starts_with("postgresql://");
    Database {
        url: values::find_secret(s, "url", "url_file", url, fits),
        pool_size: number(s, "pool_size", 2..=1_000),
    }
}

fn managed_postgres(s: &mut Section<'_>) -> ManagedPostgres {
    ManagedPostgres {
        bin_dir: find_path(s, "bin_dir"),
        run_as: find_text(s, "run_as", "the name of a user who is not root", |it| {
            values::filled(it).filter(|name| name != "root")
        }),
        shared_buffers_bytes: bytes(s, "shared_buffers_bytes", MIB..=1024 * GIB),
        max_wal_size_bytes: bytes(s, "max_wal_size_bytes", 64 * MIB..=1024 * GIB),
    }
}

fn redis(s: &mut Section<'_>) -> Redis {
    let url = "a URL such as \"redis://127.0.0.1:6379\" or \"rediss://host:6379\"";
    let fits = |it: &str| it.starts_with("redis://") || it.starts_with("rediss://");
    Redis {
        url: values::find_secret(s, "url", "url_file", url, fits),
    }
}

fn registration(s: &mut Section<'_>) -> Registration {
    let registration = Registration {
        open: flag(s, "open"),
        require_token: flag(s, "require_token"),
        guests: flag(s, "guests"),
        name_from_localpart: flag(s, "name_from_localpart"),
        shared_secret: values::find_secret(
            s,
            "shared_secret",
            "shared_secret_file",
            "a text that is not empty",
            |it| !it.trim().is_empty(),
        ),
        terms: s
            .find(
                "terms",
                "tables [[registration.terms]], each with the texts id, version, language, name, url",
                |tree| list(tree, &["id", "version", "language", "name", "url"], term),
            )
            .unwrap_or_default(),
    };
    if registration.require_token && !registration.open {
        s.contradiction(
            "require_token",
            "a token is required, but registration is closed",
            "set `open` = true, or take `require_token` away",
        );
    }
    for (at, term) in registration.terms.iter().enumerate() {
        let before = &registration.terms[..at];
        if before
            .iter()
            .any(|it| it.id == term.id && it.language == term.language)
        {
            let problem = format!("{} in language {} is given twice", term.id, term.language);
            s.contradiction("terms", &problem, "give each document its own id");
        }
    }
    registration
}

fn term(tree: &Tree) -> Option<Term> {
    Some(Term {
        id: text_of(tree, "id")?,
        version: text_of(tree, "version")?,
        language: text_of(tree, "language")?,
        name: text_of(tree, "name")?,
        url: values::web_url(&text_of(tree, "url")?)?,
    })
}

fn login(s: &mut Section<'_>) -> Login {
    let login = Login {
        password: flag(s, "password"),
        token: flag(s, "token"),
        login_token_lifetime_ms: millis(s, "login_token_lifetime_ms", 1_000..=3_600_000),
        access_token_lifetime_ms: millis(s, "access_token_lifetime_ms", 1_000..=365 * DAY_MS),
        uia_session_lifetime_ms: millis(s, "uia_session_lifetime_ms", 1_000..=DAY_MS),
    };
    if !login.password && !login.token {
        let remedy = "leave at least one of `password` and `token` true";
        s.contradiction("password", "nobody could log in", remedy);
    }
    login
}

fn password(s: &mut Section<'_>) -> Password {
    let password = Password {
        min_length: number(s, "min_length", 1..=512),
        argon2_memory_kib: number(s, "argon2_memory_kib", 8..=4_194_304),
        argon2_iterations: number(s, "argon2_iterations", 1..=1_000),
        argon2_lanes: number(s, "argon2_lanes", 1..=64),
        cheap_hash_for_tests: flag(s, "cheap_hash_for_tests"),
    };
    // Argon2 itself asks for this (RFC 9106, section 3.1)
    let least = 8 * password.argon2_lanes;
    if password.argon2_memory_kib < least {
        let problem = format!("{} lanes need at least {least} KiB", password.argon2_lanes);
        s.contradiction(
            "argon2_memory_kib",
            &problem,
            "raise it, or lower `argon2_lanes`",
        );
    }
    password
}

fn limits(s: &mut Section<'_>) -> Limits {
    Limits {
        enabled: flag(s, "enabled"),
        login: rate(s, "login_per_minute", "login_burst"),
        registration: rate(s, "registration_per_minute", "registration_burst"),
        send: rate(s, "send_per_minute", "send_burst"),
        create_room: rate(s, "create_room_per_minute", "create_room_burst"),
        join: rate(s, "join_per_minute", "join_burst"),
        invite: rate(s, "invite_per_minute", "invite_burst"),
        upload: rate(s, "upload_per_minute", "upload_burst"),
        search: rate(s, "search_per_minute", "search_burst"),
        preview: rate(s, "preview_per_minute", "preview_burst"),
        mail: rate(s, "mail_per_minute", "mail_burst"),
        confirm: rate(s, "confirm_per_minute", "confirm_burst"),
    }
}

fn rate(s: &mut Section<'_>, per_minute: &'static str, burst: &'static str) -> RateLimit {
    RateLimit {
        per_minute: number(s, per_minute, 1..=1_000_000),
        burst: number(s, burst, 1..=1_000_000),
    }
}

fn rooms(s: &mut Section<'_>) -> Rooms {
    Rooms {
        cache_bytes: bytes(s, "cache_bytes", MIB..=1024 * GIB),
    }
}

fn media(s: &mut Section<'_>) -> Media {
    Media {
        dir: find_path(s, "dir"),
        max_upload_bytes: bytes(s, "max_upload_bytes", 1..=100 * GIB),
        user_quota_bytes: find_bytes(s, "user_quota_bytes", 1..=1024 * 1024 * GIB),
        quota_info_url: find_text(s, "quota_info_url", "a URL", values::web_url),
        thumbnail_sizes: texts(
            s,
            "thumbnail_sizes",
            "a list of sizes up to 4096x4096 such as [\"96x96 crop\", \"640x480 scale\"]",
            ThumbnailSize::parse,
        ),
        thumbnail_workers: number(s, "thumbnail_workers", 1..=256),
        thumbnail_memory_bytes: bytes(s, "thumbnail_memory_bytes", MIB..=1024 * GIB),
        max_image_pixels: number(s, "max_image_pixels", 1..=1_000_000_000),
        max_remote_bytes: bytes(s, "max_remote_bytes", 1..=100 * GIB),
        remote_cache_bytes: bytes(s, "remote_cache_bytes", 1..=1024 * 1024 * GIB),
        remote_lifetime_ms: millis(s, "remote_lifetime_ms", 60_000..=3650 * DAY_MS),
    }
}

fn previews(s: &mut Section<'_>) -> Previews {
    let language = "languages such as \"en, de;q=0.5\"";
    Previews {
        enabled: flag(s, "enabled"),
        max_page_bytes: bytes(s, "max_page_bytes", 1024..=64 * MIB),
        max_image_bytes: bytes(s, "max_image_bytes", 1..=GIB),
        lifetime_ms: millis(s, "lifetime_ms", 1_000..=365 * DAY_MS),
        accept_language: text(s, "accept_language", language, |it| {
            let fits = http::HeaderValue::from_str(it).is_ok();
            values::filled(it).filter(|_| fits)
        }),
    }
}

fn outbound(s: &mut Section<'_>) -> Outbound {
    Outbound {
        allowed_addresses: texts(s, "allowed_addresses", RANGES, values::ip_range),
        denied_addresses: texts(s, "denied_addresses", RANGES, values::ip_range),
        trusted_authorities: texts(s, "trusted_authorities", "a list of paths", |it| {
            values::filled(it).map(PathBuf::from)
        }),
    }
}

fn turn(s: &mut Section<'_>) -> Turn {
    let uris = texts(
        s,
        "uris",
        "a list of URIs such as [\"turn:turn.example.org?transport=udp\"]",
        |it| (it.starts_with("turn:") || it.starts_with("turns:")).then(|| it.to_owned()),
    );
    let filled = |it: &str| !it.trim().is_empty();
    let right = "a text that is not empty";
    let secret = values::find_secret(s, "shared_secret", "shared_secret_file", right, filled);
    let username = find_text(s, "username", right, values::filled);
    let password = values::find_secret(s, "password", "password_file", right, filled);
    let lifetime_ms = millis(s, "lifetime_ms", 60_000..=30 * DAY_MS);
    let credentials = match (secret, username, password) {
        (Some(secret), None, None) => Some(TurnCredentials::SharedSecret(secret)),
        (None, Some(username), Some(password)) => {
            Some(TurnCredentials::Fixed { username, password })
        }
        (None, None, None) => {
            if !uris.is_empty() {
                let remedy = "give `shared_secret`, or `username` and `password`";
                s.contradiction("uris", "there are relays, but no credentials", remedy);
            }
            None
        }
        _ => {
            let remedy = "give `shared_secret` alone, or `username` and `password`";
            s.contradiction("username", "these credentials do not go together", remedy);
            None
        }
    };
    Turn {
        uris,
        credentials,
        lifetime_ms,
    }
}

fn push(s: &mut Section<'_>) -> Push {
    Push {
        encrypted_events: flag(s, "encrypted_events"),
        plain_http: flag(s, "plain_http"),
    }
}

fn search(s: &mut Section<'_>) -> Search {
    let right = "a text search configuration of Postgres such as \"simple\", or up to three";
    let name = |it: &str| {
        let fits = it
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        values::filled(it).filter(|_| fits)
    };
    let language = texts(s, "language", right, name);
    if language.is_empty() || language.len() > MAX_LANGUAGES {
        s.contradiction("language", "there must be one to three", "name others");
    }
    Search { language }
}

fn log(s: &mut Section<'_>) -> Log {
    Log {
        format: text(s, "format", "\"text\" or \"json\"", |it| match it {
            "text" => Some(LogFormat::Text),
            "json" => Some(LogFormat::Json),
            _ => None,
        }),
        filter: text(
            s,
            "filter",
            "levels such as \"info\" or \"info,causeway=debug\"",
            |it| {
                let fits = tracing_subscriber::EnvFilter::try_new(it).is_ok();
                values::filled(it).filter(|_| fits)
            },
        ),
        file: find_path(s, "file"),
    }
}

fn metrics(s: &mut Section<'_>) -> Metrics {
    let right = "a text of visible ASCII letters";
    let fits = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_graphic());
    Metrics {
        enabled: flag(s, "enabled"),
        bearer_token: values::find_secret(s, "bearer_token", "bearer_token_file", right, fits),
    }
}

/// A public key as the specification writes it: 32 bytes, unpadded.
fn policy_server_key(text: &str) -> Option<String> {
    let bytes = STANDARD_NO_PAD.decode(text).ok();
    let is_key = bytes.is_some_and(|bytes| bytes.len() == 32);
    is_key.then(|| text.to_owned())
}

fn well_known(s: &mut Section<'_>) -> WellKnown {
    WellKnown {
        client: flag(s, "client"),
        server: find_text(
            s,
            "server",
            "a name such as \"matrix.example.org:443\"",
            |it| {
                OwnedServerName::try_from(it)
                    .ok()
                    .map(|name| name.to_string())
            },
        ),
        policy_server_key: find_text(
            s,
            "policy_server_key",
            "an ed25519 key of 43 letters of Base64",
            policy_server_key,
        ),
        support_page: find_text(s, "support_page", "a URL", values::web_url),
        support_contacts: s
            .find(
                "support_contacts",
                "tables [[well_known.support_contacts]], each with role and \
                 at least one of matrix_id and email_address",
                |tree| {
                    list(
                        tree,
                        &["role", "matrix_id", "email_address"],
                        support_contact,
                    )
                },
            )
            .unwrap_or_default(),
    }
}

fn support_contact(tree: &Tree) -> Option<SupportContact> {
    let matrix_id = match text_of(tree, "matrix_id") {
        Some(id) => Some(ruma::OwnedUserId::try_from(id).ok()?.to_string()),
        None => None,
    };
    let contact = SupportContact {
        role: text_of(tree, "role")?,
        matrix_id,
        email_address: text_of(tree, "email_address"),
    };
    (contact.matrix_id.is_some() || contact.email_address.is_some()).then_some(contact)
}

/// A list of tables that have no other keys than these.
fn list<T>(tree: &Tree, keys: &[&str], read: impl Fn(&Tree) -> Option<T>) -> Option<Vec<T>> {
    let Tree::List(nodes) = tree else { return None };
    let read_one = |node: &Node| {
        let known = node
            .tree
            .entries()
            .iter()
            .all(|(key, _)| keys.contains(&key.as_str()));
        if known { read(&node.tree) } else { None }
    };
    nodes.iter().map(read_one).collect()
}

fn text_of(tree: &Tree, key: &str) -> Option<String> {
    match &tree.get(key)?.tree {
        Tree::Text(text) => values::filled(text),
        _ => None,
    }
}
