//! Who may see an event (client-server, Room history visibility).

use crate::membership::Membership;
use crate::pdu::Pdu;

/// The value of `history_visibility`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// Everybody, in the room or not.
    WorldReadable,
    /// Whoever is in the room, now or later.
    Shared,
    /// Members, from when they were invited on.
    Invited,
    /// Members, from when they joined on.
    Joined,
}

impl Visibility {
    /// From the word of the specification. What is not understood is `Shared`.
    pub fn parse(word: &str) -> Self {
        match word {
            "world_readable" => Self::WorldReadable,
            "invited" => Self::Invited,
            "joined" => Self::Joined,
            _ => Self::Shared,
        }
    }

    /// What the room's `m.room.history_visibility` says; `Shared` where there is none.
    pub fn of(event: Option<&Pdu>) -> Self {
        #[derive(serde::Deserialize)]
        struct Content<'a> {
            #[serde(borrow)]
            history_visibility: std::borrow::Cow<'a, str>,
        }
        event
            .and_then(|event| event.content_as::<Content<'_>>().ok())
            .map_or(Self::Shared, |content| {
                Self::parse(&content.history_visibility)
            })
    }
}

/// What must be known of an event and a reader.
#[derive(Debug, Clone, Copy)]
pub struct Sight {
    /// The room's setting in the state before the event.
    pub visibility: Visibility,
    /// The setting after it, if the event is an `m.room.history_visibility`.
    pub visibility_after: Option<Visibility>,
    /// The reader's membership in the state before the event (`Leave` where there is none).
    pub membership: Membership,
    /// The reader's membership after it, if the event is their own `m.room.member`.
    pub membership_after: Option<Membership>,
    /// Whether the reader joined at any point after the event.
    pub joined_later: bool,
}

/// Whether the reader may see the event. What was received after they left is the caller's to
/// withhold: it depends on the order of receipt, not on state.
pub fn may_see(sight: &Sight) -> bool {
    let visibilities = [Some(sight.visibility), sight.visibility_after];
    let memberships = [Some(sight.membership), sight.membership_after];
    visibilities.into_iter().flatten().any(|visibility| {
        memberships
            .into_iter()
            .flatten()
            .any(|membership| allows(visibility, membership, sight.joined_later))
    })
}

fn allows(visibility: Visibility, membership: Membership, joined_later: bool) -> bool {
    match (visibility, membership) {
        (Visibility::WorldReadable, _) | (_, Membership::Join) => true,
        (Visibility::Shared, _) => joined_later,
        (Visibility::Invited, Membership::Invite) => true,
        (Visibility::Invited | Visibility::Joined, _) => false,
    }
}
