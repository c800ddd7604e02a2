//! The state-reset alarm: says when resolving forks took away something that stood before.

use std::fmt;

use crate::membership::Membership;
use crate::pdu::Pdu;
use crate::power::PowerLevels;
use crate::version::RoomVersion;

/// Most users that one alarm names.
const MAX_NAMED: usize = 10;
/// How many changes of one entry are looked back upon to see which of two events came first.
const MAX_STEPS_BACK: usize = 100;

/// What was taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// Power levels: these users (at most ten) now have less.
    Power {
        /// Who has less power than before.
        users: Vec<String>,
    },
    /// Somebody is no longer joined, or no longer banned.
    Membership {
        /// The user.
        user_id: String,
        /// What they were.
        before: Membership,
        /// What they are.
        after: Membership,
    },
    /// The list of servers that are kept out.
    ServerAcl,
    /// Who may join.
    JoinRules,
}

/// How it came that the entry was replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// An older event, which the lost one followed on, stands again.
    WentBack,
    /// Another fork's event won, which does not know of the lost one.
    OtherFork,
    /// No event of any fork was allowed: nothing stands there now.
    NothingAllowed,
}

/// One entry that was taken away.
#[derive(Debug, Clone)]
pub struct Alarm {
    /// What.
    pub lost: Lost,
    /// How.
    pub cause: Cause,
    /// The event that stood before.
    pub before: Pdu,
    /// The event that stands now.
    pub after: Option<Pdu>,
    /// Which of the forks (by their order) had what stands now.
    pub forks: Vec<usize>,
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.lost {
            Lost::Power { users } => write!(f, "power of {}", users.join(", "))?,
            Lost::Membership {
                user_id,
                before,
                after,
            } => {
                write!(
                    f,
                    "{user_id} was {} and is {}",
                    before.as_str(),
                    after.as_str()
                )?;
            }
            Lost::ServerAcl => f.write_str("the server ACL")?,
            Lost::JoinRules => f.write_str("the join rules")?,
        }
        let before = self.before.event_id();
        match (&self.cause, &self.after) {
            (Cause::WentBack, Some(after)) => {
                write!(
                    f,
                    ": {before} gave way to {}, which came before it",
                    after.event_id()
                )?;
            }
            (_, Some(after)) => {
                write!(
                    f,
                    ": {before} gave way to {} of another fork",
                    after.event_id()
                )?;
            }
            (_, None) => write!(f, ": {before} is gone, no fork's event was allowed")?,
        }
        if !self.forks.is_empty() {
            write!(f, " (forks {:?})", self.forks)?;
        }
        Ok(())
    }
}

/// One state key that resolution decided.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'a> {
    /// What the room's state had before.
    pub before: Option<&'a Pdu>,
    /// What was decided.
    pub after: Option<&'a Pdu>,
    /// What each fork had.
    pub forks: &'a [Option<Pdu>],
}

/// Looks for losses among the decisions of one resolution. `create` is the room's create event;
/// `replaced` gives what stood under an event's own key in the state before it, as
/// far as that is known.
pub fn alarms(
    version: RoomVersion,
    create: Option<&Pdu>,
    decisions: &[Decision<'_>],
    replaced: impl Fn(&Pdu) -> Option<Pdu>,
) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    for decision in decisions {
        let Some(before) = decision.before else {
            continue;
        };
        // First what is quick to tell: nearly all decisions lose nothing.
        let Some(lost) = loss(version, create, before, decision.after) else {
            continue;
        };
        let cause = match decision.after {
            None => Cause::NothingAllowed,
            Some(after) if follows(after, before, &replaced) => continue,
            Some(after) if follows(before, after, &replaced) => Cause::WentBack,
            Some(_) => Cause::OtherFork,
        };
        let has_it = |fork: &Option<Pdu>| {
            fork.as_ref().map(Pdu::event_id) == decision.after.map(Pdu::event_id)
        };
        let forks = decision
            .forks
            .iter()
            .enumerate()
            .filter(|(_, fork)| has_it(fork));
        alarms.push(Alarm {
            lost,
            cause,
            before: before.clone(),
            after: decision.after.cloned(),
            forks: forks.map(|(n, _)| n).collect(),
        });
    }
    alarms
}

/// Whether the later event took the place of the earlier one, directly or through others.
fn follows(later: &Pdu, earlier: &Pdu, replaced: impl Fn(&Pdu) -> Option<Pdu>) -> bool {
    let mut at = later.clone();
    for _ in 0..MAX_STEPS_BACK {
        if at.event_id() == earlier.event_id() {
            return true;
        }
        match replaced(&at) {
            Some(event) => at = event,
            None => return false,
        }
    }
    false
}

fn loss(
    version: RoomVersion,
    create: Option<&Pdu>,
    before: &Pdu,
    after: Option<&Pdu>,
) -> Option<Lost> {
    let changed = after.is_none_or(|after| after.content_json() != before.content_json());
    match (before.event_type(), before.state_key()?) {
        ("m.room.server_acl", "") => changed.then_some(Lost::ServerAcl),
        ("m.room.join_rules", "") => changed.then_some(Lost::JoinRules),
        ("m.room.power_levels", "") => {
            let old = PowerLevels::read(version, create, Some(before));
            let new = PowerLevels::read(version, create, after);
            let mut users = old.users_above(&new);
            users.sort_unstable();
            users.truncate(MAX_NAMED);
            (!users.is_empty()).then_some(Lost::Power { users })
        }
        ("m.room.member", user_id) => {
            let was = Membership::of(before)?;
            let is = after.and_then(Membership::of).unwrap_or(Membership::Leave);
            let lost = matches!(was, Membership::Join | Membership::Ban) && was != is;
            lost.then(|| Lost::Membership {
                user_id: user_id.to_owned(),
                before: was,
                after: is,
            })
        }
        _ => None,
    }
}
