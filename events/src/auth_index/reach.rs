//! What an event reaches on the chains of others.

use std::sync::Arc;

/// Of each chain, the highest sequence number reached; sorted by chain. Many events reach the
/// same; a clone is a reference count.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reach(Arc<[(u64, u32)]>);

/// Bytes that are no packed [`Reach`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are no packed reach")]
pub struct CorruptReach;

impl Reach {
    /// From (chain, highest sequence number), sorted by chain, each chain once.
    pub fn new(entries: Vec<(u64, u32)>) -> Self {
        debug_assert!(entries.is_sorted_by(|a, b| a.0 < b.0));
        Self(entries.into())
    }

    /// The highest sequence number reached on a chain; 0 for none.
    pub fn get(&self, chain: u64) -> u32 {
        self.0
            .binary_search_by_key(&chain, |(chain, _)| *chain)
            .map_or(0, |at| self.0[at].1)
    }

    /// All (chain, highest sequence number).
    pub fn iter(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        self.0.iter().copied()
    }

    /// For the column `reach`: differences of chains, and sequence numbers, seven bits a byte.
    pub fn pack(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.0.len() * 3);
        let mut before = 0;
        for (chain, seq) in self.iter() {
            push_varint(&mut out, chain - before);
            push_varint(&mut out, u64::from(seq));
            before = chain;
        }
        out
    }

    /// Back from [`Self::pack`].
    pub fn unpack(mut bytes: &[u8]) -> Result<Self, CorruptReach> {
        let mut entries: Vec<(u64, u32)> = Vec::new();
        while !bytes.is_empty() {
            let step = take_varint(&mut bytes)?;
            let seq = u32::try_from(take_varint(&mut bytes)?).map_err(|_| CorruptReach)?;
            let chain = match entries.last() {
                Some(_) if step == 0 => return Err(CorruptReach),
                Some((last, _)) => last.checked_add(step).ok_or(CorruptReach)?,
                None => step,
            };
            entries.push((chain, seq));
        }
        Ok(Self::new(entries))
    }
}

fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Result<u64, CorruptReach> {
    let mut number: u64 = 0;
    // 63 bits are enough: numbers of events are positive signed integers.
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(CorruptReach)?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(CorruptReach)
}
