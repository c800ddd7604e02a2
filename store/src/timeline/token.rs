//! Tokens of a room's history, as clients hold them.

use std::fmt;
use std::str::FromStr;

use crate::ids::{Position, RoomPlace};

/// A gap in a room's order: just before a place. `from`, `to`, `start`, `end` and `prev_batch`.
///
/// Written `t{anchor}_{offset}`. A token of sync (`s{position}_...`) is read too: the gap after
/// the position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoomToken(pub RoomPlace);

/// A token that this server did not give out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token of this server")]
pub struct BadToken;

impl RoomToken {
    /// Before everything.
    pub const START: Self = Self(RoomPlace {
        anchor: 0,
        offset: i32::MIN,
    });

    /// After everything there is and will be.
    pub const END: Self = Self(RoomPlace {
        anchor: i64::MAX,
        offset: 0,
    });

    /// The gap after all that was written up to a position of the log.
    pub fn after_position(position: Position) -> Self {
        Self(RoomPlace {
            anchor: position.0.saturating_add(1),
            offset: i32::MIN,
        })
    }

    /// The gap before the event at `place`.
    pub fn before(place: RoomPlace) -> Self {
        Self(place)
    }

    /// The gap after the event at `place`.
    pub fn after(place: RoomPlace) -> Self {
        Self(RoomPlace {
            anchor: place.anchor,
            offset: place.offset.saturating_add(1),
        })
    }
}

impl fmt::Display for RoomToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}_{}", self.0.anchor, self.0.offset)
    }
}

impl FromStr for RoomToken {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Self, BadToken> {
        if let Some(rest) = text.strip_prefix('s') {
            let position = rest.split('_').next().unwrap_or_default();
            let position: i64 = position.parse().map_err(|_| BadToken)?;
            return Ok(Self::after_position(Position(position)));
        }
        let (anchor, offset) = text
            .strip_prefix('t')
            .and_then(|rest| rest.split_once('_'))
            .ok_or(BadToken)?;
        Ok(Self(RoomPlace {
            anchor: anchor.parse().map_err(|_| BadToken)?,
            offset: offset.parse().map_err(|_| BadToken)?,
        }))
    }
}
