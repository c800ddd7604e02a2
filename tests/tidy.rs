//! The laws of the house that can be read off the files: which crate may know which, how long a
//! file may be, where SQL and routes may stand. Each failure names file, line and law.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Longest source file.
const MAX_LINES: usize = 500;

/// The arrows between the crates. What is not drawn is forbidden.
const ARROWS: [(&str, &[&str]); 9] = [
    (
        "causeway",
        &[
            "events", "store", "rooms", "users", "media", "sync", "outbound",
        ],
    ),
    ("causeway-events", &[]),
    ("causeway-store", &["events"]),
    ("causeway-rooms", &["events", "store"]),
    ("causeway-users", &["events", "store"]),
    ("causeway-media", &["events", "store", "outbound"]),
    ("causeway-outbound", &[]),
    ("causeway-sync", &["events", "store"]),
    ("causeway-testkit", &[]),
];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 8] = [
    "utils", "util", "helpers", "helper", "common", "manager", "misc", "shared",
];

/// Crates that may speak SQL: the store, and the making of test databases.
const SQL_CRATES: [&str; 2] = ["causeway-store", "causeway-testkit"];

/// What holds state for a whole process. A server is a value; ten of them run in one process.
const GLOBALS: [&str; 6] = [
    "static mut ",
    "LazyLock<",
    "lazy_static!",
    "thread_local!",
    "OnceCell<",
    "once_cell",
];

/// Kinds of `static` items that somebody can write to.
const WRITABLE: [&str; 5] = ["Mutex<", "RwLock<", "Atomic", "OnceLock<", "ArcSwap"];

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
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                let skipped = name.starts_with('.') && name != ".ci";
                if !skipped && !["target", "data", "node_modules"].contains(&name.as_str()) {
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

fn manifests() -> BTreeMap<String, toml::Table> {
    let manifests = files(&["Cargo.toml"]).into_iter().map(|path| {
        let table: toml::Table = text(&path).parse().expect("a manifest");
        (
            table["package"]["name"]
                .as_str()
                .expect("a crate's name")
                .to_owned(),
            table,
        )
    });
    manifests.collect()
}

fn dependencies(manifest: &toml::Table, section: &str) -> BTreeSet<String> {
    let table = manifest.get(section).and_then(toml::Value::as_table);
    table
        .into_iter()
        .flat_map(|table| table.keys().cloned())
        .collect()
}

fn report(law: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{law}:\n{}", faults.join("\n"));
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

#[test]
fn crates_know_only_whom_they_may() {
    let mut faults = Vec::new();
    for (name, manifest) in manifests() {
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == name) else {
            faults.push(format!("{name} has no place in the plan of the crates"));
            continue;
        };
        for dependency in dependencies(&manifest, "dependencies") {
            if let Some(to) = dependency.strip_prefix("causeway-")
                && !allowed.contains(&to)
            {
                faults.push(format!("{name} may not depend on {dependency}"));
            }
        }
        for dependency in dependencies(&manifest, "dev-dependencies") {
            if let Some(to) = dependency.strip_prefix("causeway-")
                && to != "testkit"
                && !allowed.contains(&to)
            {
                faults.push(format!(
                    "the tests of {name} may not depend on {dependency}"
                ));
            }
        }
    }
    report("arrows between crates", &faults);
}

#[test]
fn files_are_short() {
    let mut faults = Vec::new();
    for path in files(&[".rs", ".py", ".mjs", ".sh"]) {
        let lines = text(&path).lines().count();
        if lines > MAX_LINES {
            faults.push(format!("{}: {lines} lines", relative(&path)));
        }
    }
    report(&format!("no file has more than {MAX_LINES} lines"), &faults);
}

#[test]
fn names_say_something() {
    let mut faults = Vec::new();
    for path in files(&[".rs"]) {
        let name = relative(&path);
        let parts = name.trim_end_matches(".rs").split('/');
        for part in parts.filter(|part| EMPTY_NAMES.contains(part)) {
            faults.push(format!("{name}: `{part}`"));
        }
    }
    report("a file is named after what it is about", &faults);
}

#[test]
fn only_the_store_speaks_sql() {
    let mut faults = Vec::new();
    for (name, manifest) in manifests() {
        if !SQL_CRATES.contains(&name.as_str())
            && dependencies(&manifest, "dependencies").contains("sqlx")
        {
            faults.push(format!("{name} depends on sqlx"));
        }
    }
    report("SQL stands in the store", &faults);
}

#[test]
fn routes_stand_on_the_router_pages() {
    let mut faults = Vec::new();
    program_lines(|file, number, line| {
        let page = file.ends_with("/router.rs") || file.starts_with("src/server/");
        let registers = [".route(", ".ruma(Access", ".ruma_also_at(", "Router::new()"];
        let is_test = file.ends_with("_test.rs") || file.contains("/tests/");
        if file.starts_with("src/")
            && !page
            && !is_test
            && registers.iter().any(|r| line.contains(r))
        {
            faults.push(format!("{file}:{number}: {}", line.trim()));
        }
    });
    report("routes stand on one page per API, router.rs", &faults);
}

#[test]
fn nothing_is_global() {
    let mut faults = Vec::new();
    program_lines(|file, number, line| {
        let item = line
            .trim_start()
            .trim_start_matches("pub ")
            .trim_start_matches("pub(crate) ");
        let writable = item.starts_with("static ") && WRITABLE.iter().any(|w| item.contains(w));
        if writable || GLOBALS.iter().any(|global| line.contains(global)) {
            faults.push(format!("{file}:{number}: {}", line.trim()));
        }
    });
    report("there is no state outside values", &faults);
}

#[test]
fn nothing_is_unbounded_or_unfinished() {
    let marks = [
        "unbounded_channel",
        "mpsc::unbounded",
        concat!("to", "do!("),
        concat!("unimplemen", "ted!("),
        concat!("FIX", "ME"),
        concat!("#[ig", "nore"),
    ];
    let mut faults = Vec::new();
    for path in files(&[".rs"]) {
        if path.ends_with("tests/tidy.rs") {
            continue;
        }
        for (number, line) in text(&path).lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                faults.push(format!(
                    "{}:{}: {}",
                    relative(&path),
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    report(
        "every queue has a limit, and nothing is left for later",
        &faults,
    );
}

#[test]
fn each_dependency_is_needed() {
    let manifests = manifests();
    let workspace = manifests["causeway"]["workspace"]["dependencies"].as_table();
    let mut used = BTreeSet::new();
    for manifest in manifests.values() {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            used.extend(dependencies(manifest, section));
        }
    }
    let listed = workspace.expect("the workspace's dependencies").keys();
    let unused: Vec<_> = listed
        .filter(|name| !used.contains(*name))
        .cloned()
        .collect();
    report("a workspace dependency that no crate uses", &unused);
}

#[test]
fn versions_stand_in_the_workspace_only() {
    let mut faults = Vec::new();
    for (name, manifest) in manifests() {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let table = manifest.get(section).and_then(toml::Value::as_table);
            for (dependency, value) in table.into_iter().flatten() {
                if value.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                    faults.push(format!("{name}: {dependency}"));
                }
            }
        }
    }
    report("dependencies are named with `workspace = true`", &faults);
}

#[test]
fn migrations_have_numbers_of_their_own() {
    let mut taken = BTreeSet::new();
    for path in files(&[".sql"]) {
        let name = relative(&path);
        let number = name
            .strip_prefix("migrations/")
            .and_then(|rest| rest.split_once('_'))
            .filter(|(number, _)| number.len() == 4)
            .and_then(|(number, _)| number.parse::<u32>().ok());
        let number = number.unwrap_or_else(|| panic!("{name} has no number of four digits"));
        assert!(taken.insert(number), "{name}: that number is taken");
    }
}

#[test]
fn released_migrations_stay_as_they_are() {
    let list = text(&root().join("tests/released_migrations.sha256"));
    let faults = changed_files(&list, |name| fs::read(root().join(name)).ok());
    report(
        "a released migration never changes: write a new one",
        &faults,
    );
}

/// Which of the listed files (`sha256sum`'s format) are missing or different.
fn changed_files(list: &str, read: impl Fn(&str) -> Option<Vec<u8>>) -> Vec<String> {
    let lines = list
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let changed = lines.filter_map(|line| {
        let (sum, name) = line.split_once("  ").unwrap_or((line, ""));
        let now = read(name).map(|bytes| hex(&Sha256::digest(bytes)));
        (now.as_deref() != Some(sum)).then(|| format!("{name}: {}", now.unwrap_or_default()))
    });
    changed.collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Tables that grow with rooms, as `docs/decisions/0001-no-native-partitions.md` says.
#[test]
fn keys_of_large_tables_name_the_room() {
    let large = [
        "events",
        "state_lines",
        "state_changes",
        "state_checkpoints",
        "current_state",
        "memberships",
        "auth_index",
        "relations",
        "redactions",
        "receipts",
    ];
    let migrations: String = files(&[".sql"]).iter().map(|path| text(path)).collect();
    let mut faults = Vec::new();
    for table in large {
        let body = migrations
            .split_once(&format!("CREATE TABLE {table} ("))
            .map(|(_, rest)| rest);
        let body = body
            .and_then(|rest| rest.split_once(";"))
            .map_or("", |(body, _)| body);
        if !body.contains("PRIMARY KEY (room_nid,") {
            faults.push(format!("the primary key of {table}"));
        }
        let unique = migrations
            .lines()
            .filter(|line| line.starts_with("CREATE UNIQUE INDEX"));
        let on_table = unique.filter(|line| line.contains(&format!(" ON {table} (")));
        faults.extend(
            on_table
                .filter(|line| !line.contains("room_nid"))
                .map(str::to_owned),
        );
    }
    report("a key of a large table contains room_nid", &faults);
}

#[test]
fn a_changed_migration_is_noticed() {
    let list = "# comment\n\
        ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a.sql\n";
    assert!(changed_files(list, |_| Some(b"abc".to_vec())).is_empty());
    assert_eq!(changed_files(list, |_| Some(b"abcd".to_vec())).len(), 1);
    assert_eq!(changed_files(list, |_| None).len(), 1);
}

#[test]
fn links_in_documents_lead_somewhere() {
    let mut faults = Vec::new();
    for path in files(&[".md"]) {
        let directory = path.parent().expect("a file in a directory");
        for link in links(&text(&path)) {
            let target = link.split('#').next().unwrap_or_default();
            let outside = target.contains("://") || target.starts_with("mailto:");
            if !outside && !target.is_empty() && !directory.join(target).exists() {
                faults.push(format!("{}: {link}", relative(&path)));
            }
        }
    }
    report("links lead to files that exist", &faults);
}

/// The targets of `[text](target)` outside code blocks.
fn links(document: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut in_code = false;
    for line in document.lines() {
        in_code ^= line.trim_start().starts_with("```");
        if in_code {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            let rest = &line[at + 2..];
            links.extend(rest.find(')').map(|end| rest[..end].to_owned()));
        }
    }
    links
}

#[test]
fn links_are_found_outside_code() {
    let document = "a [b](c.md) and [d](e/f.md#g)\n```\n[x](y)\n```\n";
    assert_eq!(links(document), ["c.md", "e/f.md#g"]);
}
