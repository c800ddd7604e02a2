//! What a client holds between two syncs.

use std::fmt;
use std::str::FromStr;

use causeway_store::Position;

/// `s{position}_{ephemeral}`, and `_{position}` where messages to the device are left over, and
/// `_c{position}` where counts of what is unread are still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Everything in the log up to here has been answered.
    pub position: Position,
    /// Typing and presence up to here have been answered. The counter starts anew, higher, with
    /// each start of the server; losing it costs nothing.
    pub ephemeral: u64,
    /// Messages to the device have been answered only up to here.
    pub to_device: Option<Position>,
    /// What is unread has been told only up to here: the reader of push rules was behind.
    pub counts: Option<Position>,
}

/// The text is no token of this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a sync token")]
pub struct InvalidToken;

impl Token {
    /// Up to where messages to the device have been answered.
    pub fn to_device_position(&self) -> Position {
        self.to_device.unwrap_or(self.position)
    }

    /// Up to where it has been told what is unread.
    pub fn counted(&self) -> Position {
        self.counts.unwrap_or(self.position)
    }

    /// The same, for an answer that knows what was unread at `counted`.
    pub(crate) fn with_counts(self, counted: Position) -> Self {
        Self {
            counts: (counted < self.position).then_some(counted),
            ..self
        }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}_{}", self.position, self.ephemeral)?;
        if let Some(position) = self.to_device {
            write!(f, "_{position}")?;
        }
        match self.counts {
            Some(position) => write!(f, "_c{position}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Token {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let text = text.strip_prefix('s').ok_or(InvalidToken)?;
        let (text, counts) = match text.split_once("_c") {
            Some((text, counts)) => (text, Some(counts)),
            None => (text, None),
        };
        let mut parts = text.split('_').chain(counts);
        let mut number = || match parts.next() {
            None => Ok(None),
            // Only digits: `parse` alone would take a sign.
            Some(part) if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) => {
                part.parse::<u64>().map(Some).map_err(|_| InvalidToken)
            }
            Some(_) => Err(InvalidToken),
        };
        let place = |number: u64| {
            i64::try_from(number)
                .map(Position)
                .map_err(|_| InvalidToken)
        };
        let position = place(number()?.ok_or(InvalidToken)?)?;
        let ephemeral = number()?.ok_or(InvalidToken)?;
        let mut rest = [number()?, number()?];
        let counts = match counts {
            Some(_) if rest[1].is_some() => rest[1].take(),
            Some(_) => Some(rest[0].take().ok_or(InvalidToken)?),
            None => None,
        };
        let counts = counts.map(place).transpose()?;
        let to_device = rest[0].map(place).transpose()?;
        if rest[1].is_some() || parts.next().is_some() {
            return Err(InvalidToken);
        }
        Ok(Self {
            position,
            ephemeral,
            to_device,
            counts,
        })
    }
}

#[cfg(test)]
#[path = "token_test.rs"]
mod token_test;
