//! Starting and stopping a server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use causeway_store::{Log, Store};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use super::connection::Connections;
use super::database::{self, Database};
use super::drain::Drain;
use super::front::Front;
use super::parts::{self, Parts};
use super::tls::Certificate;
use super::{logging, metrics, router};
use crate::config::Settings;
use crate::control;

/// How long the log may take to write what was handed to it, when the server stops.
const LOG_GRACE: Duration = Duration::from_secs(30);

/// Runs a server until the process gets SIGINT or SIGTERM.
///
/// # Errors
/// Why it cannot start: the database, a certificate, an address that is in use.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    logging::start(&settings.log)?;
    let figures = if settings.metrics.enabled {
        Some(metrics::install()?)
    } else {
        None
    };
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let mut stop = std::pin::pin!(stop);
    let started = tokio::select! {
        started = Server::start(settings, figures) => started,
        // Until it listens nobody waits for anything: what runs is dropped, and the database
        // stops with it.
        () = &mut stop => return Ok(()),
    };
    let server = started?;
    server.greet().await;
    let lost = tokio::select! {
        () = stop => None,
        end = server.database.lost() => Some(end),
    };
    server.stop().await;
    match lost {
        None => Ok(()),
        Some(end) => anyhow::bail!("Postgres ended by itself ({end}); see postgres.log"),
    }
}

/// A server that listens.
pub struct Server {
    settings: Arc<Settings>,
    addresses: Vec<SocketAddr>,
    tls_addresses: Vec<SocketAddr>,
    drain: Drain,
    store: Store,
    parts: Parts,
    log_writer: JoinHandle<()>,
    database: Database,
}

impl Server {
    /// Starts a server; when this returns it listens, and what it needs is there.
    ///
    /// # Errors
    /// See [`run`].
    pub async fn start(
        settings: Settings,
        figures: Option<PrometheusHandle>,
    ) -> anyhow::Result<Self> {
        let settings = Arc::new(settings);
        let listen = &settings.listen;
        let (certificate, private_key) = (&listen.tls_certificate, &listen.tls_private_key);
        let for_clients = certificate_for(&listen.tls_address, certificate, private_key)?;
        let links = &settings.federation;
        let (certificate, private_key) = (&links.tls_certificate, &links.tls_private_key);
        let for_servers = certificate_for(links.listen_addresses(), certificate, private_key)?;
        let database = database::open(&settings).await?;
        let store = database.connect().await?;
        let (log, log_writer) = Log::start(&store).await.context("the log cannot be read")?;
        let drain = Drain::new();
        let parts = parts::open(&settings, &store, log, &drain, figures).await?;

        let doors = Doors::new(&settings, &parts, &drain);
        let plain = bind(&settings.listen.plain_address).await?;
        let secure = bind(&settings.listen.tls_address).await?;
        let servers = bind(settings.federation.listen_addresses()).await?;
        let addresses = local_addresses(&plain)?;
        let mut tls_addresses = local_addresses(&secure)?;
        tls_addresses.extend(local_addresses(&servers)?);
        drain.spawn(control::listen(parts.state.clone()));
        for listener in plain {
            drain.spawn(doors.all.clone().serve(listener, None));
        }
        doors.open(&drain, secure, for_clients, &doors.all)?;
        doors.open(&drain, servers, for_servers, &doors.servers)?;
        Ok(Self {
            settings,
            addresses,
            tls_addresses,
            drain,
            store,
            parts,
            log_writer,
            database,
        })
    }

    /// Where it listens for plain HTTP.
    #[cfg(test)]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where a client reaches the server: where the operator says, or else where it listens.
    fn url_for_clients(&self) -> String {
        match (
            &self.settings.server.public_base_url,
            self.addresses.first(),
        ) {
            (None, Some(address)) => format!("http://{address}"),
            _ => self.settings.public_base_url(),
        }
    }

    /// Says where the server is, and on an empty one how to get the first account.
    async fn greet(&self) {
        for address in &self.addresses {
            tracing::info!("listening on http://{address}");
        }
        for address in &self.tls_addresses {
            tracing::info!("listening on https://{address}");
        }
        tracing::info!(server = %self.settings.server.name, "ready");
        match causeway_store::users::accounts::list(&self.store, None, 1).await {
            Ok(accounts) if accounts.is_empty() => eprintln!(
                "\nThere is no account on {name} yet. To make the first one, an administrator:\n\n    \
                 causeway user create NAME --admin\n\nThen log in with any Matrix client, with \
                 {url} as the homeserver.\n",
                name = self.settings.server.name,
                url = self.url_for_clients(),
            ),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "accounts could not be looked at"),
        }
    }

    /// Stops: nothing new is accepted, who waits in `/sync` is answered, running requests finish
    /// within `server.shutdown_grace_ms`, what the log took is written, the database is left
    /// clean.
    pub async fn stop(self) {
        tracing::info!("stopping");
        let grace = Duration::from_millis(self.settings.server.shutdown_grace_ms);
        let cut = self.drain.finish(grace).await;
        if cut > 0 {
            tracing::warn!(cut, "requests were cut off, they took too long to finish");
        }
        self.parts.close().await;
        // The log's writer ends when the last handle of the log is gone.
        if tokio::time::timeout(LOG_GRACE, self.log_writer)
            .await
            .is_err()
        {
            tracing::error!("the log did not finish writing in time");
        }
        self.store.close().await;
        self.database.close().await;
        tracing::info!("stopped");
    }
}

/// What listens: everything for clients and whoever else, and the server API alone.
struct Doors {
    all: Connections,
    servers: Connections,
}

impl Doors {
    fn new(settings: &Settings, parts: &Parts, drain: &Drain) -> Self {
        let connections = |router| {
            Connections::new(
                Arc::new(Front::new(router, parts.state.entrance.clone())),
                settings.listen.max_connections,
                Duration::from_millis(settings.listen.header_timeout_ms),
                drain.clone(),
            )
        };
        Self {
            all: connections(router::build(&parts.state)),
            servers: connections(router::for_servers(&parts.state)),
        }
    }

    fn open(
        &self,
        drain: &Drain,
        listeners: Vec<TcpListener>,
        certificate: Option<Arc<Certificate>>,
        door: &Connections,
    ) -> anyhow::Result<()> {
        let Some(certificate) = certificate else {
            return Ok(());
        };
        for listener in listeners {
            let acceptor = certificate.acceptor()?;
            drain.spawn(door.clone().serve(listener, Some(acceptor)));
        }
        drain.spawn(certificate.keep_up(drain.clone()));
        Ok(())
    }
}

fn certificate_for(
    addresses: &[String],
    certificate: &Option<PathBuf>,
    private_key: &Option<PathBuf>,
) -> anyhow::Result<Option<Arc<Certificate>>> {
    match (certificate, private_key) {
        (Some(certificate), Some(key)) if !addresses.is_empty() => {
            Ok(Some(Certificate::read(certificate, key)?))
        }
        _ => Ok(None),
    }
}

async fn bind(addresses: &[String]) -> anyhow::Result<Vec<TcpListener>> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let listener = TcpListener::bind(address.as_str())
            .await
            .with_context(|| format!("cannot listen on {address}"))?;
        listeners.push(listener);
    }
    Ok(listeners)
}

fn local_addresses(listeners: &[TcpListener]) -> std::io::Result<Vec<SocketAddr>> {
    listeners.iter().map(TcpListener::local_addr).collect()
}

#[cfg(test)]
#[path = "run_test.rs"]
mod tests;
