//! The laws of the house that can be read off the files: which crate may know which, how long a
//! file may be, where SQL and routes may stand, what may come in from outside. Each failure names
//! file, line and law.

mod code;
mod crates;
mod documents;
mod functions;
mod licence;
mod migrations;
mod registry;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders that are built, installed or written by a running server.
const NOT_OURS: [&str; 3] = ["target", "data", "node_modules"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// All files of the repository with one of these endings, built and installed things left out.
fn files(endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![root().to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("a readable directory") {
            let path = entry.expect("a directory entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() {
                let skipped = name.starts_with('.') && name != ".ci";
                if !skipped && !NOT_OURS.contains(&&*name) {
                    directories.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no files with {endings:?}");
    found
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", relative(path)))
}

/// A crate of the workspace: where it lies, and what its `Cargo.toml` says.
struct Manifest {
    directory: PathBuf,
    table: toml::Table,
}

/// All crates of the workspace by name.
fn manifests() -> BTreeMap<String, Manifest> {
    let manifests = files(&["Cargo.toml"]).into_iter().map(|path| {
        let table: toml::Table = text(&path).parse().expect("a manifest");
        let name = table["package"]["name"].as_str().expect("a crate's name");
        let directory = path.parent().expect("a file in a directory").to_owned();
        (name.to_owned(), Manifest { directory, table })
    });
    manifests.collect()
}

fn report(law: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{law}:\n{}", faults.join("\n"));
}

/// Whether a source belongs to tests or benches, and not to the program.
fn is_test(file: &str) -> bool {
    let (first, rest) = file.split_once('/').unwrap_or(("", file));
    let folder = |name| first == name || rest.starts_with(&format!("{name}/"));
    folder("tests") || folder("benches") || file.ends_with("_test.rs")
}

/// Lines of Rust sources that belong to the program, with file and number; comments left out.
fn program_lines(mut take: impl FnMut(&str, usize, &str)) {
    for path in files(&[".rs"]) {
        let name = relative(&path);
        if name.starts_with("tests/") || name.starts_with("benches/") {
            continue;
        }
        for (number, line) in text(&path).lines().enumerate() {
            if !line.trim_start().starts_with("//") {
                take(&name, number + 1, line);
            }
        }
    }
}
