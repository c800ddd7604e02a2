//! The cluster on disk: making it, what a crash leaves behind, and how Postgres is tuned.

use std::{
    fs::{self, DirBuilder, File},
    io::Write,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use super::{
    ManagedError, ManagedSettings, NAME, PROGRESS_EVERY, account::Account, binaries::Binaries,
    folder::Folder,
};

/// Name of a cluster that is not whole yet; what follows is the process that makes it.
const UNFINISHED: &str = "postgres.new-";
/// A Postgres whose server was killed stops by itself; this long it may take.
const REMAINS_LIMIT: Duration = Duration::from_secs(90);
/// Connections beside those of the server: for people with psql, and for Postgres itself.
const SPARE_CONNECTIONS: u32 = 13;

/// Makes the cluster and its database under another name and renames it when it is whole and on
/// disk: there never is half a cluster.
pub(super) fn make_if_missing(
    folder: &Folder,
    binaries: &Binaries,
    account: &Account,
) -> Result<(), ManagedError> {
    // whoever made these died over it, because the lock is ours
    for path in unfinished(folder.root())? {
        fs::remove_dir_all(&path).map_err(ManagedError::io("removing", &path))?;
    }
    if folder.cluster_version()?.is_some() {
        return Ok(());
    }
    let begin = Instant::now();
    let unfinished = folder
        .root()
        .join(format!("{UNFINISHED}{}", std::process::id()));
    tracing::info!(
        folder = %folder.cluster().display(),
        version = binaries.version(),
        "making a new database; this takes a few seconds"
    );
    let mut builder = DirBuilder::new();
    builder
        .mode(0o700)
        .create(&unfinished)
        .map_err(ManagedError::io("making", &unfinished))?;
    account.own(&unfinished)?;
    run_initdb(&unfinished, binaries, account)?;
    make_database(&unfinished, binaries, account)?;

    let dir = File::open(&unfinished).map_err(ManagedError::io("opening", &unfinished))?;
    rustix::fs::syncfs(&dir)
        .map_err(|error| ManagedError::io("writing to disk", &unfinished)(error.into()))?;
    let cluster = folder.cluster();
    fs::rename(&unfinished, &cluster).map_err(ManagedError::io("renaming to", &cluster))?;
    File::open(folder.root())
        .and_then(|root| root.sync_all())
        .map_err(ManagedError::io("writing to disk", folder.root()))?;
    tracing::info!(
        took_ms = begin.elapsed().as_millis(),
        "the new database is made"
    );
    Ok(())
}

fn unfinished(root: &Path) -> Result<Vec<PathBuf>, ManagedError> {
    let entries = fs::read_dir(root).map_err(ManagedError::io("reading", root))?;
    let paths = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        entry
            .file_name()
            .to_str()?
            .starts_with(UNFINISHED)
            .then(|| entry.path())
    });
    Ok(paths.collect())
}

fn run_initdb(dir: &Path, binaries: &Binaries, account: &Account) -> Result<(), ManagedError> {
    let mut command = account.command(&binaries.program("initdb"));
    command
        .arg("-D")
        .arg(dir)
        .args(["-U", NAME, "-A", "trust", "-E", "UTF8", "--locale=C"]);
    // written to disk in one go afterwards, which is quicker
    command.args(["--data-checksums", "--no-sync", "--no-instructions"]);
    finish(
        "initdb",
        command.stdout(Stdio::piped()).stderr(Stdio::piped()),
        "",
    )
}

fn make_database(dir: &Path, binaries: &Binaries, account: &Account) -> Result<(), ManagedError> {
    let mut command = account.command(&binaries.program("postgres"));
    command
        .args(["--single", "-F", "-D"])
        .arg(dir)
        .arg("postgres");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    finish(
        "postgres --single",
        &mut command,
        &format!("CREATE DATABASE {NAME}\n"),
    )
}

/// Runs a command to its end with a text as its input.
fn finish(
    program: &'static str,
    command: &mut std::process::Command,
    input: &str,
) -> Result<(), ManagedError> {
    let failed = |error: std::io::Error| ManagedError::Failed {
        program,
        output: error.to_string(),
    };
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).map_err(failed)?;
    }
    let output = child.wait_with_output().map_err(failed)?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(ManagedError::Failed {
        program,
        output: format!("{} ({words})", output.status),
    })
}

/// Waits for a Postgres that a killed server left behind, and takes away its lock files when
/// their process id belongs to somebody else by now (in containers the same small numbers come
/// again and again, and Postgres would refuse to start).
pub(super) fn clear_remains(folder: &Folder) -> Result<(), ManagedError> {
    let cluster = folder.cluster();
    let begin = Instant::now();
    let mut next_word = Duration::from_secs(1);
    while let Some(pid) = working_in(&cluster) {
        if begin.elapsed() > REMAINS_LIMIT {
            return Err(ManagedError::StillRunning { dir: cluster, pid });
        }
        if begin.elapsed() > next_word {
            next_word += PROGRESS_EVERY;
            tracing::info!(
                pid,
                "waiting for the Postgres of a server that was killed to stop"
            );
        }
        pause(Duration::from_millis(20));
    }
    let leftovers = [
        cluster.join("postmaster.pid"),
        folder.socket_dir().join(".s.PGSQL.5432.lock"),
        folder.socket_dir().join(".s.PGSQL.5432"),
    ];
    for path in leftovers {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(ManagedError::io("removing", &path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Sleeps on a thread that may block.
pub(super) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// A process whose working directory is the cluster, as that of every Postgres process is.
fn working_in(cluster: &Path) -> Option<u32> {
    let processes = fs::read_dir("/proc").ok()?;
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .find(|pid| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|dir| dir == cluster))
}

/// What Postgres is told on its command line. An operator's own settings go into the cluster's
/// postgresql.conf; those here win.
pub(super) fn options(settings: &ManagedSettings, folder: &Folder) -> Vec<(&'static str, String)> {
    let mib = |bytes: u64| format!("{}MB", (bytes >> 20).max(1));
    let socket_dir = folder
        .socket_dir()
        .display()
        .to_string()
        .replace('"', "\"\"");
    vec![
        ("listen_addresses", String::new()),
        // quoted, because a comma or a blank would begin another folder
        ("unix_socket_directories", format!("\"{socket_dir}\"")),
        ("unix_socket_permissions", "0700".to_owned()),
        ("port", "5432".to_owned()),
        (
            "max_connections",
            (settings.connections + SPARE_CONNECTIONS).to_string(),
        ),
        ("shared_buffers", mib(settings.shared_buffers_bytes)),
        ("max_wal_size", mib(settings.max_wal_size_bytes)),
        // what was answered is on disk
        ("fsync", "on".to_owned()),
        ("synchronous_commit", "on".to_owned()),
        ("full_page_writes", "on".to_owned()),
        ("wal_compression", "on".to_owned()),
        ("checkpoint_timeout", "15min".to_owned()),
        ("checkpoint_completion_target", "0.9".to_owned()),
        // one statement whose cost is misjudged otherwise spends a second compiling
        ("jit", "off".to_owned()),
        ("random_page_cost", "1.1".to_owned()),
        ("timezone", "UTC".to_owned()),
        ("log_timezone", "UTC".to_owned()),
        ("logging_collector", "off".to_owned()),
        ("log_destination", "stderr".to_owned()),
        ("log_line_prefix", "%m [%p] ".to_owned()),
        ("log_min_messages", "warning".to_owned()),
        ("cluster_name", NAME.to_owned()),
    ]
}
