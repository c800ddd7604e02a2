//! Which test exercised which operation: notes on disk, from which `docs/SPEC.md` is made.
//!
//! Each test leaves a file with the operations that answered it with success. Tests run side by
//! side, in several processes, and each writes to its own file; `spec-table` reads them afterwards.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Folder of the notes, below the build's own.
const FOLDER: &str = "spec-coverage";

/// What the current test has exercised so far.
pub(super) struct Coverage {
    file: Option<PathBuf>,
    seen: Mutex<BTreeSet<String>>,
}

impl Coverage {
    /// Notes of the test that runs on this thread. Without a test (in a bench) nothing is noted.
    pub(super) fn of_this_test() -> Self {
        let file = folder().zip(std::thread::current().name().map(file_name));
        Self {
            file: file.map(|(folder, name)| folder.join(name)),
            seen: Mutex::new(BTreeSet::new()),
        }
    }

    /// Notes an operation that a validated answer came from.
    ///
    /// # Panics
    /// When the note cannot be written.
    pub(super) fn note(&self, operation_id: &str) {
        let Some(file) = &self.file else { return };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.insert(operation_id.to_owned()) {
            return;
        }
        let folder = file.parent().expect("the notes are in a folder");
        std::fs::create_dir_all(folder).expect("the folder of notes");
        let opened = std::fs::File::options()
            .create(true)
            .append(true)
            .open(file);
        writeln!(opened.expect("the test's notes"), "{operation_id}").expect("a note");
    }
}

/// The folder of notes: beside the programs that the build made.
///
/// `None` where this program is not in a build's folder.
#[must_use]
pub fn folder() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let build = program
        .ancestors()
        .find(|directory| directory.join("deps").is_dir())?;
    Some(build.join(FOLDER))
}

/// `module::name` is no file name everywhere.
fn file_name(test: &str) -> String {
    test.replace("::", ".")
}

/// The test that a file of notes belongs to.
pub(super) fn test_name(file_name: &str) -> String {
    file_name.replace('.', "::")
}
