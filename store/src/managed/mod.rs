//! Managed Postgres: a private cluster in the data directory, run as a child on a Unix socket.
//!
//! Laws: data is never deleted or repaired by guesswork; a second server in the same folder is
//! refused; Postgres never runs as root and never outlives its server; fsync stays on; who may
//! speak to it is decided by the socket's folder (mode 0700), there is no network address.
//!
//! Start reading at [`ManagedPostgres::start`]. `folder.rs` has the lock and the places,
//! `binaries.rs` finds Postgres, `account.rs` drops root, `cluster.rs` makes the cluster and
//! cleans up after a crash, `child.rs` holds the running process.

mod account;
mod binaries;
mod child;
mod cluster;
mod folder;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    Connection,
    postgres::{PgConnectOptions, PgConnection, PgSslMode},
};

use self::{account::Account, binaries::Binaries, child::Child, folder::Folder};

/// Name of the role and of the database in the cluster.
const NAME: &str = "causeway";

/// A recovery after a crash replays at most `max_wal_size` of log; even a slow disk is done then.
const START_LIMIT: Duration = Duration::from_secs(600);
/// After this the clean shutdown is given up, and the next start recovers from the log.
const STOP_LIMIT: Duration = Duration::from_secs(120);
/// How often long work says that it goes on.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);
/// First and longest pause between two attempts to connect while Postgres starts.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// What has to be known to run Postgres.
#[derive(Debug, Clone)]
pub struct ManagedSettings {
    /// The server's data directory. The cluster lies in `postgres` below it.
    pub data_dir: PathBuf,
    /// Folder with `postgres` and `initdb`; absent: searched.
    pub bin_dir: Option<PathBuf>,
    /// User that Postgres runs as when this process is root; absent: `postgres`, or another.
    pub run_as: Option<String>,
    /// Memory for Postgres's page cache, in bytes.
    pub shared_buffers_bytes: u64,
    /// Write-ahead log between two checkpoints, in bytes.
    pub max_wal_size_bytes: u64,
    /// Connections that the server wants to open; some for maintenance are added.
    pub connections: u32,
}

/// Why there is no managed Postgres. Each says what to do.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ManagedError {
    #[error(
        "another causeway server{} already uses the data directory {}; stop it, or give this \
         one its own (server.data_dir)",
        pid.map(|pid| format!(" (process {pid})")).unwrap_or_default(), dir.display()
    )]
    Locked { dir: PathBuf, pid: Option<u32> },
    #[error(
        "no PostgreSQL server (version 15 or newer) was found in {searched}; install it (Debian, \
         Ubuntu: apt-get install postgresql), or name its folder (managed_postgres.bin_dir), or \
         use a Postgres of your own (database.url)"
    )]
    NoBinaries { searched: String },
    #[error(
        "the data in {} was written by PostgreSQL {wanted}, but only version {found} is \
         installed; install PostgreSQL {wanted}, or move the data with pg_upgrade or a dump. \
         Nothing was changed", dir.display()
    )]
    WrongVersion {
        dir: PathBuf,
        wanted: u32,
        found: String,
    },
    #[error(
        "{} is not a Postgres cluster (it has no PG_VERSION); move it out of the way", dir.display()
    )]
    NotACluster { dir: PathBuf },
    #[error(
        "the command `setpriv` is missing; install util-linux. It starts Postgres so that it \
         stops with its server, and not as root"
    )]
    NoSetpriv,
    #[error(
        "this server runs as root, which Postgres refuses, and the user {wanted} is unknown; \
         make an unprivileged user (useradd --system causeway) and name it \
         (managed_postgres.run_as)"
    )]
    NoAccount { wanted: String },
    #[error(
        "the user {user} may not enter the data directory {}; open the folders above it for \
         passing through (chmod o+x), or choose another (server.data_dir)", dir.display()
    )]
    Closed { user: String, dir: PathBuf },
    #[error(
        "a Postgres that this server did not start (process {pid}) works in {}; if it is yours, \
         stop it: kill -INT {pid}", dir.display()
    )]
    StillRunning { dir: PathBuf, pid: u32 },
    #[error("{program} failed: {output}")]
    Failed {
        program: &'static str,
        output: String,
    },
    #[error(
        "Postgres did not start; the end of its log ({}) says: {output}", log.display()
    )]
    NotStarted { log: PathBuf, output: String },
    #[error("{doing} {}: {cause}", path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        cause: std::io::Error,
    },
}

impl ManagedError {
    fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Io { doing, path, cause }
    }
}

/// A running Postgres. It ends when this value is dropped, but [`ManagedPostgres::stop`] also
/// waits for it. The data directory stays locked for as long.
#[derive(Debug)]
pub struct ManagedPostgres {
    child: Child,
    folder: Folder,
}

impl ManagedPostgres {
    /// Locks the data directory, makes the cluster if there is none, starts Postgres and waits
    /// until it answers. The first start takes some seconds, later ones a fraction of one; after
    /// a crash, as long as Postgres needs to recover.
    ///
    /// # Errors
    ///
    /// [`ManagedError`]; in each case data that was there is unchanged.
    pub async fn start(settings: &ManagedSettings) -> Result<Self, ManagedError> {
        let settings = settings.clone();
        let prepared = tokio::task::spawn_blocking(move || prepare(&settings)).await;
        let (folder, launch) = prepared.map_err(|panic| ManagedError::Failed {
            program: "the preparation of Postgres",
            output: panic.to_string(),
        })??;
        let child = Child::spawn(launch, folder.log_file())?;
        let started = Self { child, folder };
        started.wait_until_ready().await?;
        started.folder.publish(&started.url())?;
        Ok(started)
    }

    /// How to connect, as `postgres://...` over the Unix socket.
    pub fn url(&self) -> String {
        let host = folder::percent_encoded(self.folder.socket_dir());
        format!("postgres://{NAME}@localhost:5432/{NAME}?host={host}&sslmode=disable")
    }

    /// How to connect.
    pub fn connect_options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(self.folder.socket_dir())
            .port(5432)
            .username(NAME)
            .database(NAME)
            .ssl_mode(PgSslMode::Disable)
    }

    /// The URL of the managed Postgres that another process runs in this data directory; nothing
    /// when none does, or when it is still starting.
    ///
    /// # Errors
    ///
    /// [`ManagedError::Io`] when the lock cannot be looked at.
    pub fn find_running(data_dir: &Path) -> Result<Option<String>, ManagedError> {
        folder::find_running(data_dir)
    }

    /// Finds out whether a start would find what it needs, without starting or making anything:
    /// the major version of Postgres, and whether there is a cluster already.
    ///
    /// # Errors
    ///
    /// What a start would fail with; [`ManagedError::Locked`] when a server runs.
    pub fn examine(settings: &ManagedSettings) -> Result<(u32, bool), ManagedError> {
        if !settings.data_dir.exists() {
            let binaries = Binaries::find(settings.bin_dir.as_deref(), None)?;
            return Ok((binaries.version(), false));
        }
        let folder = Folder::lock(&settings.data_dir)?;
        Account::choose(settings.run_as.as_deref(), &folder)?;
        let binaries = Binaries::find(settings.bin_dir.as_deref(), Some(&folder))?;
        Ok((binaries.version(), folder.cluster_version()?.is_some()))
    }

    /// Waits until Postgres is gone, and says how it ended. Does not return while it runs: a
    /// server that waits here beside its work learns of an unexpected end.
    pub async fn exited(&self) -> String {
        self.child.exited().await
    }

    /// Process id of Postgres.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Stops Postgres cleanly: open transactions are rolled back, everything committed is on
    /// disk and the next start needs no recovery. Says how long it takes when it takes long.
    pub async fn stop(self) {
        self.child.interrupt();
        let begin = tokio::time::Instant::now();
        loop {
            match tokio::time::timeout(PROGRESS_EVERY, self.child.exited()).await {
                Ok(end) => {
                    tracing::info!(end, "Postgres stopped");
                    break;
                }
                Err(_) if begin.elapsed() < STOP_LIMIT => {
                    let waited_s = begin.elapsed().as_secs();
                    tracing::info!(waited_s, "waiting for Postgres to write out its pages");
                }
                Err(_) => {
                    tracing::warn!("Postgres takes too long; the next start will recover");
                    self.child.quit();
                    self.child.exited().await;
                    break;
                }
            }
        }
    }

    async fn wait_until_ready(&self) -> Result<(), ManagedError> {
        let options = self.connect_options();
        let begin = tokio::time::Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut next_word = PROGRESS_EVERY;
        loop {
            let attempt = PgConnection::connect_with(&options);
            tokio::select! {
                connected = attempt => if let Ok(connection) = connected {
                    // whether the farewell arrives does not matter
                    let _ = connection.close().await;
                    return Ok(());
                },
                _ = self.child.exited() => return Err(self.not_started()),
            }
            if begin.elapsed() > START_LIMIT {
                return Err(self.not_started());
            }
            if begin.elapsed() > next_word {
                next_word += PROGRESS_EVERY;
                let waited_s = begin.elapsed().as_secs();
                tracing::info!(waited_s, "waiting for Postgres to recover from its log");
            }
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    fn not_started(&self) -> ManagedError {
        ManagedError::NotStarted {
            log: self.folder.log_file(),
            output: self.child.last_words(),
        }
    }
}

/// Everything up to the command that runs Postgres. Blocking.
fn prepare(settings: &ManagedSettings) -> Result<(Folder, std::process::Command), ManagedError> {
    let mut folder = Folder::lock(&settings.data_dir)?;
    let account = Account::choose(settings.run_as.as_deref(), &folder)?;
    let binaries = Binaries::find(settings.bin_dir.as_deref(), Some(&folder))?;
    cluster::make_if_missing(&folder, &binaries, &account)?;
    folder.make_socket_dir(&account)?;
    cluster::clear_remains(&folder)?;
    let mut command = account.command(&binaries.program("postgres"));
    command.arg("-D").arg(folder.cluster());
    for (name, value) in cluster::options(settings, &folder) {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    tracing::info!(
        version = binaries.version(),
        user = account.name(),
        "starting Postgres"
    );
    Ok((folder, command))
}

#[cfg(test)]
mod mod_test;
