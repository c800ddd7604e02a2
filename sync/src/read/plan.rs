//! Which rooms an answer shows, and which part of each.

use std::collections::HashSet;

use causeway_events::RoomVersion;
use causeway_events::invites::{InvitePermission, InviteVerdict};
use causeway_store::Position;
use causeway_store::log::Membership;
use causeway_store::sync::RoomOfUser;
use ruma::{OwnedUserId, RoomVersionId, UserId};
use serde::Deserialize;

use crate::engine::SyncRequest;
use crate::token::Token;

/// A room, with what is to be shown of it.
#[derive(Debug)]
pub(super) struct RoomPlan {
    pub row: RoomOfUser,
    pub version: RoomVersion,
    pub kind: Kind,
    /// Whether the client does not have the room: all of it is shown.
    pub is_new: bool,
    /// Whether the whole state is shown.
    pub whole_state: bool,
    /// The timeline begins after this position; `None` takes history too.
    pub after: Option<i64>,
    /// It ends here.
    pub until: i64,
    /// Which events have to be looked at before they are shown.
    pub check: Check,
}

impl RoomPlan {
    /// Whose plan this is: the state key of the member event.
    pub(super) fn own_user(&self) -> String {
        #[derive(Deserialize)]
        struct Event {
            state_key: String,
        }
        let event = serde_json::from_str::<Event>(&self.row.json);
        event.map_or_else(|_| String::new(), |event| event.state_key)
    }
}

/// In which section of the answer it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Joined,
    Left,
    Invited,
    Knocked,
}

/// Which events the reader may perhaps not see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// None: the reader was there.
    Nothing,
    /// Those before the reader's last member event.
    BeforeOwn,
    /// All.
    All,
}

/// The membership that a member event says.
pub(super) fn membership(json: &str) -> Option<Membership> {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        content: Content<'a>,
    }
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        membership: std::borrow::Cow<'a, str>,
    }
    let event: Event<'_> = serde_json::from_str(json).ok()?;
    Membership::from_word(&event.content.membership)
}

/// What the reader did in a room since the token.
struct Story {
    /// Was in it at the token.
    was_there: bool,
    /// Was, at some time after the token, not in it.
    was_away: bool,
    /// Was in it at some time after the token.
    came: bool,
}

impl Story {
    fn of(row: &RoomOfUser, since: Position) -> Self {
        if row.position <= since {
            let there = row.membership == Membership::Join;
            return Self {
                was_there: there,
                was_away: !there,
                came: there,
            };
        }
        let before = row.before.as_deref().and_then(membership);
        let changes: Vec<_> = row.changes.iter().map(|json| membership(json)).collect();
        let last = changes.len().saturating_sub(1);
        Self {
            was_there: before == Some(Membership::Join),
            // The last change is what the reader is now.
            was_away: changes[..last]
                .iter()
                .any(|change| *change != Some(Membership::Join)),
            came: changes.contains(&Some(Membership::Join)),
        }
    }
}

/// Whose invites the reader is not shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused<'a> {
    pub ignored: &'a HashSet<OwnedUserId>,
    pub invites: Option<&'a InvitePermission>,
}

impl Refused<'_> {
    fn holds(self, inviter: &str) -> bool {
        let Ok(inviter) = <&UserId>::try_from(inviter) else {
            return false;
        };
        let allows = |it: &InvitePermission| it.verdict(inviter) == InviteVerdict::Allow;
        self.ignored.contains(inviter) || !self.invites.is_none_or(allows)
    }
}

/// Plans an answer.
pub(super) fn plan(
    rows: Vec<RoomOfUser>,
    request: &SyncRequest,
    since: Option<Token>,
    refused: Refused<'_>,
    now: Position,
) -> Vec<RoomPlan> {
    let rows = rows
        .into_iter()
        .filter(|row| request.filter.rooms.allows(&row.room_id));
    let plans = rows.filter_map(|row| {
        let id = RoomVersionId::try_from(row.version.as_str()).ok()?;
        let version = RoomVersion::find(&id)?;
        match row.membership {
            Membership::Join => Some(joined(row, version, request, since, now)),
            Membership::Invite | Membership::Knock => {
                stripped(row, version, request, since, refused, now)
            }
            Membership::Leave | Membership::Ban => left(row, version, request, since),
        }
    });
    plans.collect()
}

fn joined(
    row: RoomOfUser,
    version: RoomVersion,
    request: &SyncRequest,
    since: Option<Token>,
    now: Position,
) -> RoomPlan {
    let is_new = since.is_none_or(|since| {
        let story = Story::of(&row, since.position);
        !story.was_there || story.was_away
    });
    RoomPlan {
        version,
        kind: Kind::Joined,
        is_new,
        whole_state: is_new || request.full_state,
        after: since.filter(|_| !is_new).map(|since| since.position.0),
        until: now.0,
        check: if is_new {
            Check::BeforeOwn
        } else {
            Check::Nothing
        },
        row,
    }
}

fn stripped(
    row: RoomOfUser,
    version: RoomVersion,
    request: &SyncRequest,
    since: Option<Token>,
    refused: Refused<'_>,
    now: Position,
) -> Option<RoomPlan> {
    let is_new = since.is_none_or(|since| row.position > since.position) || request.full_state;
    let is_invite = row.membership == Membership::Invite;
    (is_new && !(is_invite && refused.holds(&row.sender))).then_some(RoomPlan {
        version,
        kind: if is_invite {
            Kind::Invited
        } else {
            Kind::Knocked
        },
        is_new,
        whole_state: false,
        after: Some(now.0),
        until: now.0,
        check: Check::Nothing,
        row,
    })
}

/// Rooms that were left: shown up to where the reader left them.
fn left(
    row: RoomOfUser,
    version: RoomVersion,
    request: &SyncRequest,
    since: Option<Token>,
) -> Option<RoomPlan> {
    let until = row.position.0;
    let plan = |row, is_new, after, check| RoomPlan {
        row,
        version,
        kind: Kind::Left,
        is_new,
        whole_state: is_new,
        after,
        until,
        check,
    };
    let news = since.filter(|since| row.position > since.position);
    let Some(since) = news else {
        let wanted = request.filter.include_leave && (since.is_none() || request.full_state);
        return (wanted && row.was_joined).then(|| plan(row, true, None, Check::All));
    };
    let story = Story::of(&row, since.position);
    if story.was_there && !story.was_away {
        return Some(plan(row, false, Some(since.position.0), Check::Nothing));
    }
    if story.was_there || story.came {
        return Some(plan(row, true, None, Check::All));
    }
    // Never in it: all there is to see is that the invitation, or the knock, is no more.
    Some(plan(row, false, Some(until - 1), Check::Nothing))
}
