//! The connection pool and the migrations.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgPool};

/// The migrations, compiled in. They run under an advisory lock, so nodes may start together.
static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

/// How long a request waits for a connection before it fails.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// How to reach the database.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// Where it is and who we are.
    pub options: PgConnectOptions,
    /// Connections for requests; the log's committer has one more of its own.
    pub max_connections: u32,
}

impl DatabaseSettings {
    /// Reads a `postgres://` URL.
    ///
    /// # Errors
    /// If the URL is not one that Postgres understands.
    pub fn from_url(url: &str, max_connections: u32) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)?;
        Ok(Self {
            options,
            max_connections,
        })
    }
}

/// What can go wrong in the cellar.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or is not there.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// A migration failed, or the database is newer than this program.
    #[error("migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A row holds what this program never writes.
    #[error("corrupt row in {table}: {id}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// What identifies the row.
        id: String,
    },
}

impl StoreError {
    /// Whether the database refused a text that it cannot keep, such as one with a zero
    /// character: what was asked for is at fault, not the database.
    pub fn is_bad_text(&self) -> bool {
        // Postgres: character_not_in_repertoire, untranslatable_character.
        matches!(self.code().as_deref(), Some("22021" | "22P05"))
    }

    /// Whether the database took longer than it was given.
    pub fn is_timeout(&self) -> bool {
        // Postgres: query_canceled.
        self.code().as_deref() == Some("57014")
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Database(sqlx::Error::Database(error)) => error.code(),
            _ => None,
        }
    }

    /// Whether what was to be written is there already, because somebody else has just written it.
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => error.is_unique_violation(),
            _ => false,
        }
    }
}

/// The database, as the rest of the program holds it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
    committer: PgPool,
}

impl Store {
    /// Opens the pool and checks that the database answers.
    ///
    /// # Errors
    /// If it does not.
    pub async fn connect(settings: &DatabaseSettings) -> Result<Self, StoreError> {
        // One mis-estimated statement under jit costs more than jit ever gains here.
        let options = settings.options.clone().options([("jit", "off")]);
        let pool = PgPoolOptions::new()
            .max_connections(settings.max_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.clone())
            .await?;
        // The committer's statements are few and always probe by key: plan them once.
        let committer = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .connect_lazy_with(options.options([
                ("plan_cache_mode", "force_generic_plan"),
                ("enable_seqscan", "off"),
                ("enable_hashjoin", "off"),
                ("enable_mergejoin", "off"),
            ]));
        Ok(Self { pool, committer })
    }

    /// Brings the schema up to this program's.
    ///
    /// # Errors
    /// If a migration fails, was changed after it ran, or is unknown to this program.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        MIGRATIONS.run(&self.pool).await?;
        Ok(())
    }

    /// The pool for requests.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The log's own connection.
    pub(crate) fn committer(&self) -> &PgPool {
        &self.committer
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// If it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.pool.acquire().await?.ping().await?)
    }

    /// Closes all connections after their present work.
    pub async fn close(&self) {
        self.committer.close().await;
        self.pool.close().await;
    }
}
