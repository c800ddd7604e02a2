//! Writes `docs/SPEC.md` from the notes of the tests, or with `--check` holds it against them.

use std::process::ExitCode;

use causeway_testkit::spec::{Specification, coverage_folder, table};

fn main() -> ExitCode {
    let check = std::env::args().any(|argument| argument == "--check");
    let folder = coverage_folder().expect("this program is run from a build's folder");
    let exercised = match table::read(&folder) {
        Ok(exercised) => exercised,
        Err(error) => {
            eprintln!("there are no notes of tests: run the journeys first ({error})");
            return ExitCode::FAILURE;
        }
    };
    let file = causeway_testkit::repository().join("docs/SPEC.md");
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    let (text, mut faults) = table::table(&Specification::load(), &exercised, &before);
    if !check {
        std::fs::write(&file, &text).expect("docs/SPEC.md");
    } else if before != text {
        faults.push("docs/SPEC.md is not what the tests did: run make spec-table".to_owned());
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    if faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
