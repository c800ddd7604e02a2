//! The data directory: its lock, and where things lie in it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Read, Seek, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use super::{ManagedError, account::Account, cluster};

/// `sun_path` of Linux has 108 bytes with the zero at its end.
const LONGEST_SOCKET_PATH: usize = 107;
/// What Postgres puts into the folder, with the suffix of its own lock file.
const SOCKET_NAME: &str = "/.s.PGSQL.5432";
/// The lock file holds a process id and a URL.
const LONGEST_LOCK_CONTENT: u64 = 4_096;

/// [`find_running`] holds the lock for a moment, which must not keep a server from starting.
const LOCK_ATTEMPTS: u32 = 5;
const LOCK_PAUSE: Duration = Duration::from_millis(40);

/// A locked data directory. The lock ends with this value, also when the process is killed.
#[derive(Debug)]
pub(super) struct Folder {
    /// Absolute, without links.
    root: PathBuf,
    socket_dir: PathBuf,
    lock: File,
}

impl Folder {
    /// Makes the folder if it is missing, and takes its lock.
    pub(super) fn lock(data_dir: &Path) -> Result<Self, ManagedError> {
        // as root, Postgres's own user has to pass through on its way to the cluster
        let mode = if rustix::process::geteuid().is_root() {
            0o711
        } else {
            0o700
        };
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(mode);
        builder
            .create(data_dir)
            .map_err(ManagedError::io("making", data_dir))?;
        let root = data_dir
            .canonicalize()
            .map_err(ManagedError::io("finding", data_dir))?;

        let path = root.join("lock");
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(ManagedError::io("opening", &path))?;
        let mut attempts = LOCK_ATTEMPTS;
        while let Err(error) = flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            attempts -= 1;
            match error {
                rustix::io::Errno::WOULDBLOCK if attempts > 0 => cluster::pause(LOCK_PAUSE),
                rustix::io::Errno::WOULDBLOCK => {
                    return Err(ManagedError::Locked {
                        dir: root,
                        pid: holder(&mut lock).0,
                    });
                }
                error => return Err(ManagedError::io("locking", &path)(error.into())),
            }
        }
        let folder = Self {
            socket_dir: root.join("run"),
            root,
            lock,
        };
        folder.write_lock("")?;
        Ok(folder)
    }

    /// Tells other processes of this machine how to reach the Postgres that runs here.
    pub(super) fn publish(&self, url: &str) -> Result<(), ManagedError> {
        self.write_lock(url)
    }

    fn write_lock(&self, url: &str) -> Result<(), ManagedError> {
        let write = || {
            let mut lock = &self.lock;
            lock.rewind()?;
            lock.set_len(0)?;
            writeln!(lock, "{}\n{url}", std::process::id())
        };
        write().map_err(ManagedError::io("writing", &self.root.join("lock")))
    }

    /// The data directory.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where the cluster lies, or will lie.
    pub(super) fn cluster(&self) -> PathBuf {
        self.root.join("postgres")
    }

    /// What Postgres has to say.
    pub(super) fn log_file(&self) -> PathBuf {
        self.root.join("postgres.log")
    }

    /// Folder of the Unix socket.
    pub(super) fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// Major version of the cluster; nothing when there is no cluster.
    pub(super) fn cluster_version(&self) -> Result<Option<u32>, ManagedError> {
        let dir = self.cluster();
        let path = dir.join("PG_VERSION");
        match fs::read_to_string(&path) {
            Ok(text) => match text.trim().parse() {
                Ok(version) => Ok(Some(version)),
                Err(_) => Err(ManagedError::NotACluster { dir }),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => match fs::symlink_metadata(&dir) {
                Ok(_) => Err(ManagedError::NotACluster { dir }),
                Err(_) => Ok(None),
            },
            Err(error) => Err(ManagedError::io("reading", &path)(error)),
        }
    }

    /// Makes the folder of the socket: in the data directory, or, where its path would be too
    /// long for a socket, in a private folder with a short name.
    pub(super) fn make_socket_dir(&mut self, account: &Account) -> Result<(), ManagedError> {
        if self.socket_dir.as_os_str().len() + SOCKET_NAME.len() > LONGEST_SOCKET_PATH {
            self.socket_dir = short_dir(&self.root);
        }
        let dir = &self.socket_dir;
        match DirBuilder::new().mode(0o700).create(dir) {
            Ok(()) => account.own(dir)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(ManagedError::io("making", dir)(error)),
        }
        // in a folder that everybody may write to, somebody else may have been quicker
        let found = fs::symlink_metadata(dir).map_err(ManagedError::io("looking at", dir))?;
        let uid = account.uid();
        if !found.is_dir() || (found.uid() != uid && !rustix::process::geteuid().is_root()) {
            let cause = std::io::Error::other("it is not a folder of this user");
            return Err(ManagedError::io("using", dir)(cause));
        }
        if found.uid() != uid {
            account.own(dir)?;
        }
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
            .map_err(ManagedError::io("closing", dir))
    }
}

/// See [`super::ManagedPostgres::find_running`].
pub(super) fn find_running(data_dir: &Path) -> Result<Option<String>, ManagedError> {
    let path = data_dir.join("lock");
    let mut lock = match File::open(&path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ManagedError::io("opening", &path)(error)),
    };
    match flock(&lock, FlockOperation::NonBlockingLockShared) {
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(holder(&mut lock).1),
        Ok(()) => Ok(None),
        Err(error) => Err(ManagedError::io("looking at", &path)(error.into())),
    }
}

/// Process id and URL in a lock file that somebody holds.
fn holder(lock: &mut File) -> (Option<u32>, Option<String>) {
    let mut text = String::new();
    if lock
        .take(LONGEST_LOCK_CONTENT)
        .read_to_string(&mut text)
        .is_err()
    {
        return (None, None);
    }
    let mut lines = text.lines();
    let pid = lines.next().and_then(|line| line.parse().ok());
    let url = lines
        .next()
        .filter(|line| !line.is_empty())
        .map(str::to_owned);
    (pid, url)
}

/// A short folder that is the same for the same data directory.
fn short_dir(root: &Path) -> PathBuf {
    let digest = Sha256::digest(root.as_os_str().as_bytes());
    let short: String = digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let user = rustix::process::geteuid();
    if user.is_root() {
        return PathBuf::from(format!("/run/causeway-{short}"));
    }
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(dir) if Path::new(&dir).is_dir() && dir.len() < 60 => {
            Path::new(&dir).join(format!("causeway-{short}"))
        }
        _ => PathBuf::from(format!("/tmp/causeway-{}-{short}", user.as_raw())),
    }
}

/// A path for the query of a URL.
pub(super) fn percent_encoded(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    let encode = |byte: &u8| match plain(*byte) {
        true => char::from(*byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    path.as_os_str().as_bytes().iter().map(encode).collect()
}
