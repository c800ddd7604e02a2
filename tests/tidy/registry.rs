//! What comes in from outside: `deny.toml` says which licences, which crates, and from where, and
//! is held here on every machine. `make licences` lets cargo-deny, where it is installed, do the
//! same and look into the texts of licences besides.

use std::process::Command;

use serde_json::Value;

use super::{licence, report, root, text};

/// The one place from which crates come, as `Cargo.lock` calls it.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn lists() -> toml::Table {
    text(&root().join("deny.toml"))
        .parse()
        .expect("deny.toml is TOML")
}

/// The packages of `Cargo.lock`: those for every platform, and those of tests.
fn locked() -> Vec<toml::Table> {
    let lock: toml::Table = text(&root().join("Cargo.lock"))
        .parse()
        .expect("Cargo.lock is TOML");
    let packages = lock["package"].as_array().expect("packages");
    let tables = packages.iter().filter_map(toml::Value::as_table).cloned();
    tables.collect()
}

fn word<'a>(table: &'a toml::Table, key: &str) -> Option<&'a str> {
    table.get(key).and_then(toml::Value::as_str)
}

#[test]
fn crates_come_from_the_registry_as_they_were() {
    let ours: Vec<_> = super::manifests().into_keys().collect();
    let mut faults = Vec::new();
    for package in locked() {
        let name = word(&package, "name").expect("a name").to_owned();
        match word(&package, "source") {
            Some(REGISTRY) if word(&package, "checksum").is_some() => {}
            Some(REGISTRY) => faults.push(format!("{name} has no checksum")),
            Some(other) => faults.push(format!("{name} comes from {other}")),
            None if ours.contains(&name) => {}
            None => faults.push(format!("{name} is no crate of this workspace")),
        }
    }
    report("crates come from crates.io", &faults);
}

#[test]
fn nobody_brings_a_denied_crate() {
    let lists = lists();
    let denied = lists["bans"]["deny"].as_array().expect("denied crates");
    assert!(!denied.is_empty(), "deny.toml denies nothing");
    let mut faults = Vec::new();
    for package in locked() {
        let name = word(&package, "name").expect("a name").to_owned();
        for entry in denied.iter().filter_map(toml::Value::as_table) {
            if word(entry, "crate") == Some(&name) {
                let reason = word(entry, "reason").unwrap_or_default();
                faults.push(format!("{name}: {reason}"));
            }
        }
    }
    report("crates that deny.toml denies", &faults);
}

#[test]
fn licences_are_allowed() {
    let lists = lists();
    let allowed = lists["licenses"]["allow"].as_array().expect("licences");
    let allowed: Vec<_> = allowed.iter().filter_map(toml::Value::as_str).collect();
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > super::manifests().len(), "{packages:?}");
    let mut faults = Vec::new();
    for package in packages {
        let name = &package["name"];
        match package["license"].as_str() {
            Some(stated) if licence::is_allowed(stated, &allowed) => {}
            Some(stated) => faults.push(format!("{name}: {stated}")),
            None => faults.push(format!("{name} states no licence")),
        }
    }
    report("licences that deny.toml allows", &faults);
}

/// What the crates for this platform say of themselves.
fn metadata() -> Value {
    let version = cargo(&["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let platform = host.expect("cargo says for which platform it builds");
    let arguments = ["metadata", "--format-version", "1", "--locked"];
    let printed = cargo(&[&arguments[..], &["--filter-platform", platform]].concat());
    serde_json::from_str(&printed).expect("cargo prints JSON")
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("cargo prints text")
}
