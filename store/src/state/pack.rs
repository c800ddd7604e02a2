//! The bytes of a checkpoint: entries sorted by key, as variable-length differences.

use crate::ids::{EventNid, KeyNid};

/// Entries of one row of `state_checkpoints`.
pub(super) const CHUNK_ENTRIES: usize = 4096;

/// Packs entries that are sorted by key.
pub(super) fn pack(entries: &[(KeyNid, EventNid)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(entries.len() * 4);
    let mut last = (0i64, 0i64);
    for (key, event) in entries {
        let key = i64::from(key.0);
        put(&mut out, zigzag(key - last.0));
        put(&mut out, zigzag(event.0 - last.1));
        last = (key, event.0);
    }
    out
}

/// Unpacks; `None` if the bytes are not what [`pack`] makes.
pub(super) fn unpack(mut bytes: &[u8]) -> Option<Vec<(KeyNid, EventNid)>> {
    let mut entries = Vec::with_capacity(bytes.len() / 4);
    let mut last = (0i64, 0i64);
    while !bytes.is_empty() {
        let key = last.0.checked_add(unzigzag(take(&mut bytes)?))?;
        let event = last.1.checked_add(unzigzag(take(&mut bytes)?))?;
        entries.push((KeyNid(i32::try_from(key).ok()?), EventNid(event)));
        last = (key, event);
    }
    Some(entries)
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number as u8) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}
