//! Where a search goes on.

use std::fmt;
use std::str::FromStr;

use causeway_store::RoomPlace;
use causeway_store::search::Bound;

use crate::read::ReadError;

/// A place in the order of what was found, of all or of one group.
///
/// Written `q{rank}_{anchor}_{offset}_{count}_{group}`; the group is a room id, a user id, or empty.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SearchToken {
    /// The bits of the last event's rank.
    pub rank_bits: u32,
    /// Its place.
    pub place: RoomPlace,
    /// What the first page told of the number of events.
    pub count: u64,
    /// The room or the sender of the group.
    pub group: String,
}

impl SearchToken {
    pub(super) fn bound(&self) -> Bound {
        Bound {
            rank: f32::from_bits(self.rank_bits),
            place: self.place,
        }
    }

    /// The room of the group.
    pub(super) fn room(&self) -> Option<&str> {
        Some(self.group.as_str()).filter(|group| group.starts_with('!'))
    }

    /// The sender of the group.
    pub(super) fn sender(&self) -> Option<&str> {
        Some(self.group.as_str()).filter(|group| group.starts_with('@'))
    }
}

impl fmt::Display for SearchToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rank_bits,
            place: RoomPlace { anchor, offset },
            count,
            group,
        } = self;
        write!(f, "q{rank_bits}_{anchor}_{offset}_{count}_{group}")
    }
}

impl FromStr for SearchToken {
    type Err = ReadError;

    fn from_str(text: &str) -> Result<Self, ReadError> {
        read(text).ok_or(ReadError::BadToken("next_batch"))
    }
}

fn read(text: &str) -> Option<SearchToken> {
    let mut parts = text.strip_prefix('q')?.splitn(5, '_');
    let rank_bits = parts.next()?.parse().ok()?;
    let anchor = parts.next()?.parse().ok()?;
    let offset = parts.next()?.parse().ok()?;
    let count = parts.next()?.parse().ok()?;
    let group = parts.next()?;
    let is_group = group.is_empty() || group.starts_with('!') || group.starts_with('@');
    let is_rank = !f32::from_bits(rank_bits).is_nan();
    (is_group && is_rank).then(|| SearchToken {
        rank_bits,
        place: RoomPlace { anchor, offset },
        count,
        group: group.to_owned(),
    })
}

#[cfg(test)]
#[path = "token_test.rs"]
mod tests;
