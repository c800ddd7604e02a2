//! The Postgres of a server: the operator's own, or one that the server runs by itself.

use anyhow::Context;
use causeway_store::managed::{ManagedPostgres, ManagedSettings};
use causeway_store::{DatabaseSettings, Store};

use crate::config::Settings;

/// Connections beside the pool's: the log's committer has one of its own.
const CONNECTIONS_BESIDE_POOL: u32 = 2;

/// A Postgres that runs.
pub struct Database {
    /// How to reach it.
    pub settings: DatabaseSettings,
    /// The one that ends with this process, if it is not the operator's own.
    managed: Option<ManagedPostgres>,
}

/// Finds the operator's Postgres, or starts a managed one.
///
/// # Errors
/// If neither is possible, with what to do about it.
pub async fn open(settings: &Settings) -> anyhow::Result<Database> {
    let pool_size = settings.database.pool_size;
    if let Some(url) = &settings.database.url {
        let settings =
            DatabaseSettings::from_url(url.expose(), pool_size).context("database.url")?;
        return Ok(Database {
            settings,
            managed: None,
        });
    }
    let managed = ManagedPostgres::start(&managed_settings(settings)).await?;
    let settings = DatabaseSettings {
        options: managed.connect_options(),
        max_connections: pool_size,
    };
    Ok(Database {
        settings,
        managed: Some(managed),
    })
}

/// What the managed Postgres has to know.
pub fn managed_settings(settings: &Settings) -> ManagedSettings {
    ManagedSettings {
        data_dir: settings.server.data_dir.clone(),
        bin_dir: settings.managed_postgres.bin_dir.clone(),
        run_as: settings.managed_postgres.run_as.clone(),
        shared_buffers_bytes: settings.managed_postgres.shared_buffers_bytes,
        max_wal_size_bytes: settings.managed_postgres.max_wal_size_bytes,
        connections: settings.database.pool_size + CONNECTIONS_BESIDE_POOL,
    }
}

impl Database {
    /// Connects to it, and brings it up to this version.
    ///
    /// # Errors
    /// If it does not answer, or cannot be migrated.
    pub async fn connect(&self) -> anyhow::Result<Store> {
        let store = Store::connect(&self.settings)
            .await
            .context("the database cannot be reached")?;
        store
            .migrate()
            .await
            .context("the database cannot be brought up to this version")?;
        Ok(store)
    }

    /// Waits until a managed Postgres ended by itself, and says how; never returns for the
    /// operator's own, whose connections come back when it does.
    pub async fn lost(&self) -> String {
        match &self.managed {
            Some(managed) => managed.exited().await,
            None => std::future::pending().await,
        }
    }

    /// Stops a managed Postgres; the operator's own goes on.
    pub async fn close(self) {
        if let Some(managed) = self.managed {
            managed.stop().await;
        }
    }
}
