//! `docs/SPEC.md`: every operation of the client-server API, with a test that exercises it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use super::coverage::test_name;
use super::{Operation, Specification};

/// Operations that no test exercises yet. The list only shrinks: an operation that is exercised
/// must not stand here, and one that is not must.
const NOT_YET: &[&str] = &["updateAppserviceRoomDirectoryVisibility", "pingAppservice"];

/// Operations for which there is nothing behind this server, with the error by which the
/// specification says so: no OAuth, no bridged network, no telephone. A test sees the refusal.
pub(super) const REFUSED: &[(&str, &str)] = &[
    ("getAuthMetadata", "M_UNRECOGNIZED"),
    ("getProtocolMetadata", "M_NOT_FOUND"),
    (
        "requestTokenToRegisterMSISDN",
        "M_THREEPID_MEDIUM_NOT_SUPPORTED",
    ),
    (
        "requestTokenTo3PIDMSISDN",
        "M_THREEPID_MEDIUM_NOT_SUPPORTED",
    ),
    (
        "requestTokenToResetPasswordMSISDN",
        "M_THREEPID_MEDIUM_NOT_SUPPORTED",
    ),
];

/// What stands behind the name of an operation that the specification deprecates.
pub(super) const DEPRECATED: &str = ", deprecated";

/// Tests by the operation that they exercise.
pub type Exercised = BTreeMap<String, BTreeSet<String>>;

/// Reads the notes that the tests left.
///
/// # Errors
/// When there is no such folder, or it cannot be read.
pub fn read(folder: &Path) -> io::Result<Exercised> {
    let mut exercised = Exercised::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let test = test_name(&entry.file_name().to_string_lossy());
        for operation in std::fs::read_to_string(entry.path())?.lines() {
            let tests = exercised.entry(operation.to_owned()).or_default();
            tests.insert(test.clone());
        }
    }
    Ok(exercised)
}

/// The table, and what is wrong: operations without a test, and others that have one although
/// they are listed as missing. A test that `before`, the table so far, names for an operation stays
/// there while it exercises it: another test more changes nothing.
#[must_use]
pub fn table(
    specification: &Specification,
    exercised: &Exercised,
    before: &str,
) -> (String, Vec<String>) {
    let named = named(before);
    let mut chapters: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
    for operation in &specification.operations {
        chapters
            .entry(operation.chapter())
            .or_default()
            .push(operation);
    }
    let mut faults = Vec::new();
    let mut rows = String::new();
    for (chapter, mut operations) in chapters {
        operations.sort_by_key(|operation| operation.sort_key());
        let _ = writeln!(rows, "\n## {chapter}\n\n| operation | a test |\n|---|---|");
        for operation in operations {
            let test = match test_of(operation, exercised, &named) {
                Ok(test) => test,
                Err(what) => {
                    faults.push(what);
                    "?".to_owned()
                }
            };
            let _ = writeln!(rows, "| {} | {test} |", operation.heading());
        }
    }
    let all = specification.operations.len();
    let tested = all - NOT_YET.len();
    (format!("{}{rows}", introduction(tested, all)), faults)
}

fn introduction(tested: usize, all: usize) -> String {
    let refused = REFUSED.iter().map(|(id, _)| *id).collect::<Vec<_>>();
    let refused = refused.join(", ");
    format!(
        "# The client-server API, operation by operation\n\n\
         Matrix 1.19. Written by `make spec-table` from what the tests did, and held by `make test`: each\n\
         operation stands beside one of the tests in which it answered with success and its answer fitted\n\
         the specification's schema. {tested} of {all} operations are there.\n\
         For {refused} there is nothing behind this server, and the test sees the specification's refusal.\n"
    )
}

/// One of the tests that exercise an operation, or what is wrong with it.
fn test_of(
    operation: &Operation,
    exercised: &Exercised,
    named: &BTreeMap<&str, &str>,
) -> Result<String, String> {
    let id = operation.id();
    let tests = exercised.get(id);
    let known = named
        .get(id)
        .filter(|name| tests.is_some_and(|tests| tests.contains(**name)));
    let test = known
        .copied()
        .or_else(|| tests?.first().map(String::as_str));
    match (test, NOT_YET.contains(&id)) {
        (Some(test), false) => Ok(format!("`{test}`")),
        (None, true) => Ok("not yet".to_owned()),
        (Some(test), true) => Err(format!("{id} is exercised by {test}: take it off NOT_YET")),
        (None, false) => Err(format!("no test exercises {id}")),
    }
}

/// The test that each row of a table names, by operation.
fn named(table: &str) -> BTreeMap<&str, &str> {
    let rows = table.lines().filter_map(|line| {
        let (operation, test) = line
            .strip_prefix("| `")?
            .strip_suffix("` |")?
            .split_once(" | `")?;
        let (_, id) = operation.split_once("` ")?;
        Some((id.trim_end_matches(DEPRECATED), test))
    });
    rows.collect()
}

#[cfg(test)]
#[path = "table_test.rs"]
mod tests;
