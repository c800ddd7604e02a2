//! The user that Postgres runs as. Postgres refuses root, so a server that is root starts it as
//! somebody else.

use std::{
    fs,
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{ManagedError, folder::Folder};

/// Users that are tried when none is named, in this order.
const USUAL: [&str; 4] = ["postgres", "causeway", "daemon", "nobody"];

/// Who runs Postgres, and how a command is started as this user.
#[derive(Debug)]
pub(super) struct Account {
    name: String,
    uid: u32,
    /// Nothing when this process is that user already.
    drop_to: Option<DropTo>,
    setpriv: PathBuf,
}

#[derive(Debug)]
struct DropTo {
    gid: u32,
    /// A capability that lets Postgres pass through folders that are closed to its user.
    pass_through: Option<&'static str>,
}

impl Account {
    /// This user itself, or, for root: the owner of the cluster if there is one, the user that
    /// is named, or the first of the usual ones.
    pub(super) fn choose(named: Option<&str>, folder: &Folder) -> Result<Self, ManagedError> {
        let setpriv = find_setpriv().ok_or(ManagedError::NoSetpriv)?;
        let me = rustix::process::geteuid();
        if !me.is_root() {
            let name = format!("uid {}", me.as_raw());
            return Ok(Self {
                name,
                uid: me.as_raw(),
                drop_to: None,
                setpriv,
            });
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let owner = fs::metadata(folder.cluster())
            .ok()
            .map(|it| it.uid())
            .filter(|uid| *uid != 0);
        let found = match (owner, named) {
            (Some(uid), _) => find_user(&users, |user| user.uid == uid),
            (None, Some(name)) => find_user(&users, |user| user.name == name),
            (None, None) => USUAL
                .iter()
                .find_map(|it| find_user(&users, |user| user.name == *it)),
        };
        let Some(user) = found.filter(|user| user.uid != 0) else {
            let wanted = match (owner, named) {
                (Some(uid), _) => format!("{uid} that owns {}", folder.cluster().display()),
                (None, Some(name)) => name.to_owned(),
                (None, None) => USUAL.join(" or "),
            };
            return Err(ManagedError::NoAccount { wanted });
        };
        let mut account = Self {
            name: user.name,
            uid: user.uid,
            drop_to: Some(DropTo {
                gid: user.gid,
                pass_through: None,
            }),
            setpriv,
        };
        account.make_way_to(folder.root())?;
        Ok(account)
    }

    /// Root's own folders are often closed to everybody else (`/root` itself is). Postgres then
    /// keeps the one capability that lets it pass through.
    fn make_way_to(&mut self, dir: &Path) -> Result<(), ManagedError> {
        if self.may_enter(dir) {
            return Ok(());
        }
        for (bit, name) in [(2, "dac_read_search"), (1, "dac_override")] {
            if !has_capability(bit) {
                continue;
            }
            if let Some(drop_to) = &mut self.drop_to {
                drop_to.pass_through = Some(name);
            }
            if self.may_enter(dir) {
                return Ok(());
            }
        }
        Err(ManagedError::Closed {
            user: self.name.clone(),
            dir: dir.to_owned(),
        })
    }

    fn may_enter(&self, dir: &Path) -> bool {
        let mut command = self.command(Path::new("test"));
        // looking at the folder's own dot needs the right to pass through it
        command.arg("-d").arg(dir.join(".")).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// A command of this user, that gets SIGINT when the thread that starts it ends. It has a
    /// clean environment, and a process group of its own, so that Ctrl-C in a terminal reaches
    /// only the server, which stops its Postgres when it has no more use for it.
    pub(super) fn command(&self, program: &Path) -> Command {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new(&self.setpriv);
        if let Some(DropTo { gid, pass_through }) = &self.drop_to {
            command
                .arg(format!("--reuid={}", self.uid))
                .arg(format!("--regid={gid}"));
            command.arg("--clear-groups");
            if let Some(capability) = pass_through {
                command.arg(format!("--inh-caps=+{capability}"));
                command.arg(format!("--ambient-caps=+{capability}"));
            }
        }
        command.args(["--pdeathsig", "INT", "--"]).arg(program);
        command.env_clear().env("LC_ALL", "C").env("TZ", "UTC");
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
            .current_dir("/")
            .stdin(Stdio::null())
            .process_group(0);
        command
    }

    /// Gives a file or folder to this user.
    pub(super) fn own(&self, path: &Path) -> Result<(), ManagedError> {
        match &self.drop_to {
            None => Ok(()),
            Some(DropTo { gid, .. }) => chown(path, Some(self.uid), Some(*gid))
                .map_err(ManagedError::io("giving to the user of Postgres", path)),
        }
    }

    /// For the log.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The user's number.
    pub(super) fn uid(&self) -> u32 {
        self.uid
    }
}

fn find_setpriv() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs: Vec<_> = std::env::split_paths(&path).collect();
    dirs.extend(["/usr/bin", "/bin"].map(PathBuf::from));
    dirs.into_iter()
        .map(|dir| dir.join("setpriv"))
        .find(|it| it.is_file())
}

struct User {
    name: String,
    uid: u32,
    gid: u32,
}

/// The first user in the text of `/etc/passwd` that fits.
fn find_user(users: &str, fits: impl Fn(&User) -> bool) -> Option<User> {
    let read = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(User { name, uid, gid })
    };
    users.lines().filter_map(read).find(|user| fits(user))
}

/// Whether this process has a capability, by its number.
fn has_capability(bit: u32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let permitted = status.lines().find_map(|line| line.strip_prefix("CapPrm:"));
    let permitted = permitted.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    permitted.is_some_and(|bits| bits >> bit & 1 == 1)
}
