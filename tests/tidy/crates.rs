//! Which crate may know which, and what each takes from outside.

use std::collections::BTreeSet;

use super::{Manifest, files, manifests, program_lines, report, text};

/// The arrows between the crates. What is not drawn is forbidden.
const ARROWS: [(&str, &[&str]); 15] = [
    (
        "causeway",
        &[
            "events",
            "store",
            "rooms",
            "users",
            "media",
            "push",
            "search",
            "sync",
            "outbound",
            "federation",
            "mail",
            "identity",
            "sso",
        ],
    ),
    ("causeway-events", &[]),
    ("causeway-store", &["events"]),
    ("causeway-rooms", &["events", "store"]),
    ("causeway-users", &["events", "store"]),
    ("causeway-media", &["events", "store", "outbound"]),
    ("causeway-outbound", &[]),
    ("causeway-mail", &[]),
    ("causeway-sso", &[]),
    ("causeway-identity", &["outbound"]),
    (
        "causeway-federation",
        &["events", "store", "rooms", "users", "media", "outbound"],
    ),
    ("causeway-push", &["events", "store", "outbound"]),
    ("causeway-search", &["events", "store"]),
    ("causeway-sync", &["events", "store"]),
    ("causeway-testkit", &[]),
];

/// Crates that may speak SQL: the store, and the making of test databases.
const SQL_CRATES: [&str; 2] = ["causeway-store", "causeway-testkit"];

/// What the rule book may take from outside: types, hashes, signatures, JSON.
const PURE_CRATES: [&str; 8] = [
    "ruma",
    "serde",
    "serde_json",
    "thiserror",
    "sha1",
    "sha2",
    "base64",
    "zeroize",
];

/// What the rule book has no use for: waiting, clocks, randomness, files, the network, threads.
const IMPURE: [&str; 10] = [
    "async ",
    ".await",
    "SystemTime",
    "Instant::",
    "rand::",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
];

const SECTIONS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

fn dependencies(manifest: &Manifest, section: &str) -> BTreeSet<String> {
    let table = manifest.table.get(section).and_then(toml::Value::as_table);
    table
        .into_iter()
        .flat_map(|table| table.keys().cloned())
        .collect()
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
fn the_rule_book_is_pure() {
    let rule_book = &manifests()["causeway-events"];
    let mut faults: Vec<_> = dependencies(rule_book, "dependencies")
        .into_iter()
        .filter(|name| !PURE_CRATES.contains(&name.as_str()))
        .collect();
    program_lines(|file, number, line| {
        if file.starts_with("events/src/") && IMPURE.iter().any(|it| line.contains(it)) {
            faults.push(format!("{file}:{number}: {}", line.trim()));
        }
    });
    report("the rule book waits for nothing and asks nobody", &faults);
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
fn each_dependency_of_the_workspace_has_a_user() {
    let manifests = manifests();
    let workspace = manifests["causeway"].table["workspace"]["dependencies"].as_table();
    let mut used = BTreeSet::new();
    for manifest in manifests.values() {
        for section in SECTIONS {
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
fn each_dependency_stands_in_the_code() {
    let mut faults = Vec::new();
    for (name, manifest) in manifests() {
        let (program, with_tests) = sources(&manifest);
        for dependency in dependencies(&manifest, "dependencies") {
            if !names(&program, &dependency) {
                let tests = names(&with_tests, &dependency);
                let instead = if tests { "; its tests do" } else { "" };
                faults.push(format!("{name} does not use {dependency}{instead}"));
            }
        }
        for dependency in dependencies(&manifest, "dev-dependencies") {
            if !names(&with_tests, &dependency) {
                faults.push(format!("the tests of {name} do not use {dependency}"));
            }
        }
    }
    report("a crate lists what its code names", &faults);
}

/// The code of a crate: the program with its unit tests, and the same with tests and benches.
fn sources(manifest: &Manifest) -> (String, String) {
    let (mut program, mut with_tests) = (String::new(), String::new());
    for path in files(&[".rs"]) {
        let Ok(inside) = path.strip_prefix(&manifest.directory) else {
            continue;
        };
        let is_program = inside.starts_with("src");
        if is_program || inside.starts_with("tests") || inside.starts_with("benches") {
            let code = text(&path);
            let lines = code.lines().filter(|it| !it.trim_start().starts_with("//"));
            let lines = lines.collect::<Vec<_>>().join("\n");
            if is_program && !inside.to_string_lossy().ends_with("_test.rs") {
                program.push_str(&lines);
            }
            with_tests.push_str(&lines);
        }
    }
    (program, with_tests)
}

/// Whether code names a crate: in a path, or imported as a whole.
fn names(code: &str, dependency: &str) -> bool {
    let name = dependency.replace('-', "_");
    code.match_indices(&name).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        let begins = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let follows = after.starts_with("::") || after.starts_with(" as ");
        let whole = before.ends_with("use ") && after.starts_with(';');
        begins && (follows || whole)
    })
}

#[test]
fn a_name_in_a_path_is_a_use() {
    assert!(names("use a_b::c;", "a-b"));
    assert!(names("x(a_b::c())", "a-b"));
    assert!(names("use a_b;", "a-b"));
    assert!(!names("let a_b = 1; // see also xa_b::c", "a-b"));
}

#[test]
fn versions_stand_in_the_workspace_only() {
    let mut faults = Vec::new();
    for (name, manifest) in manifests() {
        for section in SECTIONS {
            let table = manifest.table.get(section).and_then(toml::Value::as_table);
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
fn each_crate_takes_the_lints_of_the_workspace() {
    let faults: Vec<_> = manifests()
        .iter()
        .filter(|(_, manifest)| {
            let lints = manifest.table.get("lints");
            let workspace = lints.and_then(|lints| lints.get("workspace"));
            workspace.and_then(toml::Value::as_bool) != Some(true)
        })
        .map(|(name, _)| name.clone())
        .collect();
    report("[lints] workspace = true", &faults);
}
