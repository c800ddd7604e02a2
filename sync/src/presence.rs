//! Presence: who is there (client-server, Presence). It lives in memory; the last word of each
//! user is stored so that it survives a restart.

use causeway_events::canonical::{write_int, write_string};
use ruma::OwnedUserId;

use crate::limits::ACTIVE_MS;

/// Whether somebody is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// At their device.
    Online,
    /// Connected, but away.
    Unavailable,
    /// Not connected.
    #[default]
    Offline,
}

impl State {
    /// The word of the specification.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Unavailable => "unavailable",
            Self::Offline => "offline",
        }
    }

    /// From the word of the specification; anything else is `Offline`.
    pub fn from_word(word: &str) -> Self {
        match word {
            "online" => Self::Online,
            "unavailable" => Self::Unavailable,
            _ => Self::Offline,
        }
    }
}

/// The presence of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// Whether they are there.
    pub state: State,
    /// What they say about it.
    pub status_msg: Option<String>,
    /// When they last did something, in milliseconds since 1970; 0 if that is not known.
    pub last_active_ms: u64,
}

impl Presence {
    /// Of somebody who has never said anything.
    pub const UNKNOWN: Self = Self {
        state: State::Offline,
        status_msg: None,
        last_active_ms: 0,
    };

    /// Milliseconds since they last did something.
    pub fn last_active_ago_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.last_active_ms)
    }

    /// Whether they are at their device this minute.
    pub fn is_currently_active(&self, now_ms: u64) -> bool {
        self.state == State::Online && self.last_active_ago_ms(now_ms) < ACTIVE_MS
    }
}

/// Presence in an answer.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub user: OwnedUserId,
    pub presence: Presence,
}

impl Shown {
    /// The `m.presence` event.
    pub(crate) fn event(&self, now_ms: u64) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(now_ms, &mut out);
        out
    }

    /// Appends the `m.presence` event.
    pub(crate) fn write(&self, now_ms: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"content\":{\"currently_active\":");
        let active = self.presence.is_currently_active(now_ms);
        out.extend_from_slice(if active { b"true" } else { b"false" });
        if self.presence.last_active_ms > 0 {
            out.extend_from_slice(b",\"last_active_ago\":");
            let ago = self.presence.last_active_ago_ms(now_ms);
            write_int(out, i64::try_from(ago).unwrap_or(i64::MAX));
        }
        out.extend_from_slice(b",\"presence\":");
        write_string(out, self.presence.state.as_str());
        if let Some(message) = &self.presence.status_msg {
            out.extend_from_slice(b",\"status_msg\":");
            write_string(out, message);
        }
        out.extend_from_slice(b"},\"sender\":");
        write_string(out, self.user.as_str());
        out.extend_from_slice(b",\"type\":\"m.presence\"}");
    }
}
