//! Finding Postgres on the system.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::{ManagedError, folder::Folder};

/// The oldest version whose SQL the migrations need.
const OLDEST: u32 = 15;
/// Where Debian, Ubuntu, Fedora, Arch, Alpine and the PostgreSQL project put their servers;
/// `*` is a version.
const PLACES: [&str; 5] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/libexec/postgresql*",
    "/usr/local/pgsql/bin",
    "/usr/bin",
];

/// A folder with `postgres` and `initdb` of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    dir: PathBuf,
    version: u32,
}

impl Binaries {
    /// The binaries of the version of the cluster, or the newest when there is no cluster.
    pub(super) fn find(
        setting: Option<&Path>,
        folder: Option<&Folder>,
    ) -> Result<Self, ManagedError> {
        let places = match setting {
            Some(dir) => vec![dir.to_owned()],
            None => places(),
        };
        let mut found: Vec<Self> = places.iter().filter_map(|dir| look_into(dir)).collect();
        found.sort_by_key(|it| std::cmp::Reverse(it.version));
        let Some(newest) = found.first() else {
            let searched: Vec<_> = places.iter().map(|dir| dir.display().to_string()).collect();
            return Err(ManagedError::NoBinaries {
                searched: searched.join(", "),
            });
        };
        let Some(folder) = folder else {
            return Ok(newest.clone());
        };
        match folder.cluster_version()? {
            None => Ok(newest.clone()),
            Some(wanted) => match found.iter().find(|it| it.version == wanted) {
                Some(fitting) => Ok(fitting.clone()),
                None => {
                    let versions: Vec<_> = found.iter().map(|it| it.version.to_string()).collect();
                    let dir = folder.cluster();
                    Err(ManagedError::WrongVersion {
                        dir,
                        wanted,
                        found: versions.join(", "),
                    })
                }
            },
        }
    }

    /// Path of one of the programs.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Major version.
    pub(super) fn version(&self) -> u32 {
        self.version
    }
}

fn places() -> Vec<PathBuf> {
    let beside = std::env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.join("bin")));
    let configured = Command::new("pg_config").arg("--bindir").output().ok();
    let configured = configured
        .filter(|output| output.status.success())
        .map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let mut places: Vec<PathBuf> = beside.into_iter().chain(configured).collect();
    for pattern in PLACES {
        match pattern.split_once('*') {
            Some((before, after)) => places.extend(versions(before, after)),
            None => places.push(pattern.into()),
        }
    }
    places
}

/// The folders that a `*` in a path stands for.
fn versions(before: &str, after: &str) -> Vec<PathBuf> {
    let (parent, beginning) = before.rsplit_once('/').unwrap_or(("/", before));
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let fitting = names.filter(|name| {
        let version = name.strip_prefix(beginning);
        version.is_some_and(|it| it.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
    });
    fitting
        .map(|name| PathBuf::from(format!("{parent}/{name}{after}")))
        .collect()
}

fn look_into(dir: &Path) -> Option<Binaries> {
    if !dir.join("initdb").is_file() {
        return None;
    }
    let output = Command::new(dir.join("postgres"))
        .arg("--version")
        .output()
        .ok()?;
    let version = major_version(&String::from_utf8_lossy(&output.stdout))?;
    (version >= OLDEST).then(|| Binaries {
        dir: dir.to_owned(),
        version,
    })
}

/// The 15 in `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`.
fn major_version(text: &str) -> Option<u32> {
    let rest = text.split("(PostgreSQL)").nth(1)?.trim_start();
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major_version;

    #[test]
    fn versions_of_releases_and_of_betas_are_read() {
        assert_eq!(
            major_version("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"),
            Some(15)
        );
        assert_eq!(major_version("postgres (PostgreSQL) 19beta2"), Some(19));
        assert_eq!(major_version("something else"), None);
    }
}
