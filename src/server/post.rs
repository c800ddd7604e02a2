//! The reader of the log that tells other servers.

use anyhow::Context as _;
use causeway_federation::Federation;
use causeway_federation::outbox::Outbox;
use causeway_store::{Clock, Log, Store, outbox};
use causeway_sync::Sync;
use tokio::task::{JoinHandle, JoinSet};

use super::ephemera;

/// What runs for other servers.
pub struct Post {
    outbox: Outbox,
    reader: JoinHandle<()>,
    /// What lives for a moment.
    moments: JoinSet<()>,
}

impl Post {
    /// Starts it. Where this server speaks to no other there is none, and the log does not wait for
    /// one.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn start(
        federation: Option<&Federation>,
        store: &Store,
        clock: &Clock,
        log: &Log,
        sync: &Sync,
    ) -> anyhow::Result<Option<Self>> {
        let trouble = "the outbox for other servers cannot be opened";
        let Some(federation) = federation else {
            outbox::forget(store).await.context(trouble)?;
            return Ok(None);
        };
        let opened = federation.outbox(store.clone(), clock.clone(), log).await;
        let (outbox, reader) = opened.context(trouble)?;
        let mut moments = JoinSet::new();
        let (fleeting, told) = (sync.fleeting(), outbox.clone());
        let (ours, time) = (federation.links().server_name().to_owned(), clock.clone());
        moments.spawn(async move { ephemera::let_out(fleeting, told, &ours, time).await });
        moments.spawn(outbox.clone().run_moments());
        Ok(Some(Self {
            outbox,
            moments,
            reader: tokio::spawn(reader.run()),
        }))
    }

    /// Ends it: what is under way may arrive, anything else is sent after the next start.
    pub async fn close(mut self) {
        self.moments.shutdown().await;
        self.outbox.close().await;
        if let Err(error) = self.reader.await {
            tracing::warn!(%error, "telling other servers has failed");
        }
    }
}
