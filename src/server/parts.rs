//! The parts of a server, wired together.

use std::net::IpAddr;
use std::sync::Arc;

use causeway_store::{Log, Store};
use futures::future::BoxFuture;
use metrics_exporter_prometheus::PrometheusHandle;

use super::drain::Drain;
use super::entrance::Entrance;
use super::metrics::{self, Figures};
use super::state::AppState;
use crate::client::extract::{Authenticate, AuthenticateError, Session};
use crate::config::Settings;

/// The parts that requests use, and those that run beside them.
pub struct Parts {
    /// What handlers see.
    pub state: AppState,
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
    if let Some(handle) = &figures {
        drain.spawn(metrics::keep_up(handle.clone(), drain.clone()));
    }
    let figures = figures.map(|handle| Figures {
        handle,
        bearer_token: settings.metrics.bearer_token.clone(),
    });
    let entrance = Entrance::new(
        settings.listen.max_body_bytes,
        settings.limits.clone(),
        settings.listen.trusted_proxies.clone(),
    );
    let state = AppState {
        settings: settings.clone(),
        entrance,
        authenticator: Arc::new(NoAccounts),
        store: store.clone(),
        log,
        drain: drain.clone(),
        figures,
    };
    Ok(Parts { state })
}

/// Knows no access token.
struct NoAccounts;

impl Authenticate for NoAccounts {
    fn authenticate<'a>(
        &'a self,
        _: &'a str,
        _: IpAddr,
    ) -> BoxFuture<'a, Result<Session, AuthenticateError>> {
        Box::pin(async { Err(AuthenticateError::Unknown) })
    }
}

impl Parts {
    /// Ends what runs beside requests, and lets go of the log.
    pub async fn close(self) {}
}
