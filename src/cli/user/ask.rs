//! The server that a command works on: the one that runs, or the database without one.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, bail};
use causeway_store::{Log, Store, managed::ManagedPostgres};
use tokio::task::JoinHandle;

use crate::{
    config::Settings,
    control::{self, CallError, Reply, Request},
    server::{
        database::{self, Database},
        drain::Drain,
        logging,
        parts::{self, Parts},
    },
};

/// What a command speaks to.
pub(in crate::cli) enum Server {
    /// A server that runs on this data directory, by its socket.
    Running(PathBuf),
    /// Nobody: the command does it itself.
    Absent(Box<Opened>),
}

/// Everything that a server has, but nothing that listens.
pub(in crate::cli) struct Opened {
    parts: Parts,
    log_writer: JoinHandle<()>,
    store: Store,
    database: Database,
}

impl Server {
    /// Looks for the running server, and opens the database where there is none.
    pub(in crate::cli) async fn find(settings: Settings) -> anyhow::Result<Self> {
        // asking for nothing shows whether somebody answers
        let data_dir = settings.server.data_dir.clone();
        let nothing = Request::List {
            after: Some("\u{10ffff}".to_owned()),
        };
        let asked = tokio::task::spawn_blocking(move || control::call(&data_dir, &nothing)).await?;
        match asked {
            Ok(_) => return Ok(Self::Running(settings.server.data_dir)),
            Err(CallError::NoServer) => {}
            Err(error) => return Err(error.into()),
        }
        if settings.database.url.is_none()
            && ManagedPostgres::find_running(&settings.server.data_dir)?.is_some()
        {
            bail!("the server is starting or stopping; try again in a moment");
        }
        tell_where(&settings);
        Ok(Self::Absent(Box::new(Opened::open(settings).await?)))
    }

    /// Asks.
    pub(in crate::cli) async fn ask(&self, request: Request) -> anyhow::Result<Reply> {
        match self {
            Self::Running(data_dir) => {
                let data_dir = data_dir.clone();
                let call = move || control::call(&data_dir, &request);
                Ok(tokio::task::spawn_blocking(call).await??)
            }
            Self::Absent(opened) => Ok(control::perform(&opened.parts.state, request).await),
        }
    }

    /// Asks for the last time.
    pub(in crate::cli) async fn ask_once(self, request: Request) -> anyhow::Result<Reply> {
        let reply = self.ask(request).await;
        self.close().await;
        reply
    }

    /// Leaves the database as a server does that stops.
    pub(in crate::cli) async fn close(self) {
        if let Self::Absent(opened) = self {
            opened.close().await;
        }
    }
}

/// Says on what the command works, because without a server that can be another place than meant.
fn tell_where(settings: &Settings) {
    let data_dir = &settings.server.data_dir;
    let shown = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.clone());
    let database = match settings.database.url {
        Some(_) => "database.url",
        None if data_dir.join("postgres").exists() => "its managed database",
        None => "a managed database that is made now",
    };
    let shown = shown.display();
    eprintln!("No server runs on the data directory {shown}: working on {database}.");
}

impl Opened {
    async fn open(mut settings: Settings) -> anyhow::Result<Self> {
        settings.log.filter = "warn,causeway_store::managed=info".to_owned();
        settings.log.file = None;
        logging::start(&settings.log)?;
        // a command needs a handful of connections
        settings.database.pool_size = settings.database.pool_size.min(4);
        let settings = Arc::new(settings);
        let database = database::open(&settings).await?;
        let store = database.connect().await?;
        let (log, log_writer) = Log::start(&store).await.context("the log cannot be read")?;
        let parts = parts::open(&settings, &store, log, &Drain::new(), None).await?;
        Ok(Self {
            parts,
            log_writer,
            store,
            database,
        })
    }

    async fn close(self) {
        self.parts.close().await;
        // a writer that panicked has nothing more to write
        let _ = self.log_writer.await;
        self.store.close().await;
        self.database.close().await;
    }
}
