//! What a user is to a room.

use crate::pdu::Pdu;

/// The value of `membership` in `m.room.member`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Membership {
    /// Asked to come.
    Invite,
    /// In the room.
    Join,
    /// Asks to be let in.
    Knock,
    /// Not in the room: left, removed, refused, or never there.
    Leave,
    /// Not in the room, and not to come back.
    Ban,
}

impl Membership {
    /// From the word of the specification.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "invite" => Self::Invite,
            "join" => Self::Join,
            "knock" => Self::Knock,
            "leave" => Self::Leave,
            "ban" => Self::Ban,
            _ => return None,
        })
    }

    /// The word of the specification.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Join => "join",
            Self::Knock => "knock",
            Self::Leave => "leave",
            Self::Ban => "ban",
        }
    }

    /// What an `m.room.member` event says; `None` for other events and unknown words.
    pub fn of(pdu: &Pdu) -> Option<Self> {
        #[derive(serde::Deserialize)]
        struct Content<'a> {
            #[serde(borrow)]
            membership: std::borrow::Cow<'a, str>,
        }
        if pdu.event_type() != "m.room.member" {
            return None;
        }
        pdu.content_as::<Content<'_>>()
            .ok()
            .and_then(|content| Self::parse(&content.membership))
    }
}
