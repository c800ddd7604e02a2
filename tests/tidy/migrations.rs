//! Migrations: numbered, never changed after a release, with keys that can be spread over servers.

use std::collections::BTreeSet;
use std::fs;

use sha2::{Digest, Sha256};

use super::{files, relative, report, root, text};

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
