//! The reader of push rules, and the delivery to push gateways.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use causeway_push::{Push, PushSettings};
use causeway_store::push::Board;
use causeway_store::{Clock, Log, Store};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::gate::{self, Manner};
use crate::config::Settings;

/// Longest time until a push gateway takes a connection.
const GATEWAY_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest time until a push gateway has answered.
const GATEWAY_TIMEOUT: Duration = Duration::from_secs(10);

/// What runs for notifications.
pub struct Bell {
    reader: JoinHandle<()>,
    /// Ends by itself once it is told to stop.
    gateways: JoinHandle<()>,
    stop: CancellationToken,
}

impl Bell {
    /// Starts it. Gives also the board on which counts are told.
    ///
    /// # Errors
    /// If the database does not answer, or there is no client for gateways.
    pub async fn start(
        settings: &Settings,
        store: &Store,
        log: &Log,
        clock: &Clock,
    ) -> anyhow::Result<(Self, Board)> {
        let push = Push::open(store.clone(), log, clock.clone(), push_settings(settings))
            .await
            .context("the reader of push rules cannot be started")?;
        let board = push.board();
        let stop = CancellationToken::new();
        let gateways = push.gateways(gate::outbound(settings, TO_GATEWAYS)?);
        let bell = Self {
            gateways: tokio::spawn(gateways.run(stop.clone())),
            reader: tokio::spawn(push.run()),
            stop,
        };
        Ok((bell, board))
    }

    /// Ends it: what is on its way to gateways may arrive, anything else waits in the database.
    pub async fn close(self) {
        self.reader.abort();
        self.stop.cancel();
        if let Err(error) = self.gateways.await {
            tracing::warn!(%error, "telling push gateways has failed");
        }
    }
}

fn push_settings(settings: &Settings) -> PushSettings {
    let encrypted_events = settings.push.encrypted_events;
    PushSettings {
        server_name: settings.server.name.clone(),
        defaults: Arc::new(move |user| {
            causeway_users::push_rules::defaults(user, encrypted_events)
        }),
    }
}

/// Push gateways are strangers: they are reached by the gate for foreign addresses alone.
const TO_GATEWAYS: Manner = Manner {
    user_agent: concat!("Causeway/", env!("CARGO_PKG_VERSION")),
    connect_timeout: GATEWAY_CONNECT_TIMEOUT,
    timeout: GATEWAY_TIMEOUT,
    max_redirects: 0,
};
