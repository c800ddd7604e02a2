//! The data directory and the media folder: can they be written, and is there room?

use std::path::{Path, PathBuf};

use super::Finding;
use crate::config::Settings;

const SUBJECT: &str = "disk";

/// Below this a warning is due, in bytes.
const LITTLE_BYTES: u64 = 2 << 30;

pub(super) fn look(settings: &Settings) -> Vec<Finding> {
    let mut dirs = vec![settings.server.data_dir.clone()];
    let media = settings.media_dir();
    if !media.starts_with(&settings.server.data_dir) {
        dirs.push(media);
    }
    dirs.iter().map(|dir| look_at(dir)).collect()
}

fn look_at(dir: &Path) -> Finding {
    let shown = dir.display();
    let Some(existing) = nearest_existing(dir) else {
        let text = format!("{shown} cannot be made");
        return Finding::fail(SUBJECT, text, "choose a folder whose parent exists");
    };
    if rustix::fs::access(&existing, rustix::fs::Access::WRITE_OK).is_err() {
        let text = format!("{} cannot be written by this user", existing.display());
        return Finding::fail(SUBJECT, text, "give it to the server's user: chown");
    }
    match rustix::fs::statvfs(&existing) {
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let text = format!("{shown}: {:.1} GiB free", free as f64 / f64::from(1 << 30));
            if free < LITTLE_BYTES {
                let way_out = "make room; a full disk stops the database";
                return Finding::warn(SUBJECT, text, way_out);
            }
            Finding::ok(SUBJECT, text)
        }
        Err(error) => {
            let text = format!("{shown}: how much room there is cannot be seen ({error})");
            Finding::warn(SUBJECT, text, "look with df")
        }
    }
}

fn nearest_existing(dir: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(dir).ok()?;
    absolute
        .ancestors()
        .find(|it| it.is_dir())
        .map(Path::to_owned)
}
