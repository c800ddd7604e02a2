//! Whom an event notifies.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use causeway_events::invites::{InvitePermission, InviteVerdict};
use causeway_events::power::PowerLevels;
use causeway_events::{Pdu, RoomVersion};
use causeway_store::push::{self as store, RoomFacts, RoomLevels};
use causeway_store::rooms::list_invite_permissions;
use causeway_store::{RoomNid, StoreError};
use ruma::push::Ruleset;
use ruma::{OwnedEventId, RoomVersionId, UserId};

use crate::memory::Members;
use crate::reader::Parts;
use crate::rules::{Outcome, Stage};
use crate::work::Candidate;

/// What is known of rooms and users for a batch.
#[derive(Debug, Default)]
pub(crate) struct Known {
    rooms: HashMap<RoomNid, RoomFacts>,
    levels: HashMap<RoomNid, PowerLevels>,
    personal: HashMap<RoomNid, Personal>,
    rules: HashMap<String, Arc<Ruleset>>,
    /// Users who are mentioned and in the room: what they are called there.
    mentioned: HashMap<(RoomNid, String), Option<String>>,
    /// Whose invites users take who are invited.
    invites: HashMap<String, InvitePermission>,
    /// By room and sender.
    ignorers: HashMap<(RoomNid, String), HashSet<String>>,
}

/// Members with rules of their own.
#[derive(Debug)]
struct Personal {
    members: Members,
    users: HashSet<String>,
    except: Arc<[Box<str>]>,
}

/// What an event means.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// To members with default rules.
    pub shared: Option<Outcome>,
    /// To single users, besides.
    pub users: Vec<ForUser>,
}

/// What it means to one user: see `push_actions` in the migration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ForUser {
    pub user: String,
    pub notified: i16,
    pub highlighted: i16,
    pub actions: Option<Arc<str>>,
}

impl Known {
    /// Loads it: a fixed number of queries.
    pub(crate) async fn load(parts: &Parts, candidates: &[Candidate]) -> Result<Self, StoreError> {
        if candidates.is_empty() {
            return Ok(Self::default());
        }
        let rooms: HashSet<RoomNid> = candidates.iter().map(|it| it.logged.room).collect();
        let rooms: Vec<RoomNid> = rooms.into_iter().collect();
        let mut known = Self {
            rooms: store::room_facts(&parts.store, &rooms).await?,
            ..Self::default()
        };
        known.load_users(parts, &rooms, candidates).await?;
        // Only rules of one's own, and mentions, ask who may notify the room.
        let asks = |candidate: &&Candidate| {
            candidate.logged.pdu.content_json().contains("m.mentions")
                || known
                    .personal
                    .get(&candidate.logged.room)
                    .is_some_and(|it| !it.users.is_empty())
        };
        let asked: HashSet<RoomNid> = candidates
            .iter()
            .filter(asks)
            .map(|it| it.logged.room)
            .collect();
        let asked: Vec<RoomNid> = asked.into_iter().collect();
        for (room, levels) in store::room_levels(&parts.store, &asked).await? {
            let version = known.rooms.get(&room).map(|facts| facts.version.as_str());
            if let Some(levels) = version.and_then(|version| read_levels(version, &levels)) {
                known.levels.insert(room, levels);
            }
        }
        Ok(known)
    }

    async fn load_users(
        &mut self,
        parts: &Parts,
        rooms: &[RoomNid],
        candidates: &[Candidate],
    ) -> Result<(), StoreError> {
        for (room, members) in parts.memory.members(&parts.store, rooms).await? {
            let users = members.iter().map(|member| member.user.clone()).collect();
            let except = members
                .iter()
                .map(|member| member.user.as_str().into())
                .collect();
            self.personal.insert(
                room,
                Personal {
                    members,
                    users,
                    except,
                },
            );
        }
        let invited = candidates.iter().filter_map(|it| it.invited.as_deref());
        let names: HashSet<&str> = invited.clone().collect();
        if !names.is_empty() {
            let names: Vec<&str> = names.into_iter().collect();
            self.invites = list_invite_permissions(&parts.store, &names).await?;
        }
        let members = self
            .personal
            .values()
            .flat_map(|it| it.users.iter().map(String::as_str));
        let asked: HashSet<&str> = members.chain(invited).collect();
        let asked: Vec<&str> = asked.into_iter().collect();
        let rules = parts
            .memory
            .rules(&parts.store, &asked, &parts.settings.defaults)
            .await?;
        let mentioned = candidates.iter().flat_map(|it| {
            it.mentioned
                .iter()
                .map(|user| (it.logged.room, user.clone()))
        });
        let mentioned: HashSet<_> = mentioned.collect();
        let mentioned: Vec<_> = mentioned.into_iter().collect();
        for member in store::members_among(&parts.store, &mentioned).await? {
            self.mentioned
                .insert((member.room, member.user), member.display_name);
        }
        let senders: HashSet<&str> = candidates
            .iter()
            .map(|it| it.logged.pdu.sender().as_str())
            .collect();
        let ignored = parts.memory.ignored(&parts.store, &senders).await?;
        let senders = candidates
            .iter()
            .filter(|it| ignored.contains(it.logged.pdu.sender().as_str()))
            .map(|it| (it.logged.room, it.logged.pdu.sender().to_string()));
        let senders: HashSet<_> = senders.collect();
        let senders: Vec<_> = senders.into_iter().collect();
        for (room, sender, user) in store::ignorers(&parts.store, &senders).await? {
            self.ignorers
                .entry((room, sender))
                .or_default()
                .insert(user);
        }
        self.rules = rules;
        Ok(())
    }

    /// Whether a member of a room has rules of their own.
    pub(crate) fn has_own_rules(&self, room: RoomNid, user: &str) -> bool {
        self.personal
            .get(&room)
            .is_some_and(|it| it.users.contains(user))
    }

    /// Members of a room with rules of their own.
    pub(crate) fn except(&self, room: RoomNid) -> Arc<[Box<str>]> {
        self.personal
            .get(&room)
            .map_or_else(Default::default, |it| it.except.clone())
    }
}

fn read_levels(version: &str, levels: &RoomLevels) -> Option<PowerLevels> {
    let version = RoomVersion::find(&RoomVersionId::try_from(version).ok()?)?;
    let read = |event: &Option<(String, String)>| {
        let (id, json) = event.as_ref()?;
        let id = OwnedEventId::try_from(id.as_str()).ok()?;
        Pdu::from_stored(version, id, json.clone()).ok()
    };
    let (create, power) = (read(&levels.create), read(&levels.power_levels));
    Some(PowerLevels::read(version, create.as_ref(), power.as_ref()))
}

/// One event before the rules of all whom it may concern.
struct Hearing<'a> {
    parts: &'a Parts,
    known: &'a Known,
    candidate: &'a Candidate,
    stage: Stage,
    ignored_by: Option<&'a HashSet<String>>,
    personal: Option<&'a Personal>,
}

/// Judges an event.
pub(crate) fn judge(parts: &Parts, known: &Known, candidate: &Candidate) -> Verdict {
    let room = candidate.logged.room;
    let Some(facts) = known.rooms.get(&room) else {
        return Verdict::default();
    };
    let joined = u32::try_from(facts.joined).unwrap_or(0);
    let sender = candidate.logged.pdu.sender().to_string();
    let mut hearing = Hearing {
        parts,
        known,
        candidate,
        stage: Stage::new(&candidate.logged.pdu, joined, known.levels.get(&room)),
        ignored_by: known.ignorers.get(&(room, sender)),
        personal: known.personal.get(&room),
    };
    let mut verdict = Verdict {
        shared: hearing.stage.outcome_for_everybody(&parts.everybody),
        users: Vec::new(),
    };
    hearing.hear_personal(&mut verdict);
    hearing.hear_mentioned(&mut verdict);
    hearing.take_out(&mut verdict);
    hearing.hear_invited(&mut verdict);
    // Who was invited may be in the room by now, and people may ignore themselves.
    let mut seen = HashSet::new();
    verdict.users.retain(|user| seen.insert(user.user.clone()));
    verdict
}

impl Verdict {
    /// Whether it notifies anybody.
    pub(crate) fn tells_somebody(&self) -> bool {
        self.shared.is_some() || self.users.iter().any(|user| user.actions.is_some())
    }
}

impl Hearing<'_> {
    fn has_own_rules(&self, user: &str) -> bool {
        self.personal
            .is_some_and(|personal| personal.users.contains(user))
    }

    fn is_ignored_by(&self, user: &str) -> bool {
        self.ignored_by.is_some_and(|users| users.contains(user))
    }

    fn rules_of(&self, user: &UserId) -> Arc<Ruleset> {
        let own = self.known.rules.get(user.as_str()).cloned();
        own.unwrap_or_else(|| Arc::new((self.parts.settings.defaults)(user)))
    }

    /// Members with rules of their own: what these say is all that the event means to them.
    fn hear_personal(&mut self, verdict: &mut Verdict) {
        let Some(personal) = self.personal else {
            return;
        };
        for member in personal.members.iter() {
            if self.is_ignored_by(&member.user) {
                continue;
            }
            let Ok(user) = <&UserId>::try_from(member.user.as_str()) else {
                continue;
            };
            let rules = self.rules_of(user);
            let name = member.display_name.as_deref();
            if let Some(outcome) = self.stage.outcome(&rules, user, name) {
                verdict.users.push(ForUser::whole(&member.user, outcome));
            }
        }
    }

    /// Members with default rules who are mentioned.
    fn hear_mentioned(&mut self, verdict: &mut Verdict) {
        let room = self.candidate.logged.room;
        for user in &self.candidate.mentioned {
            let name = self.known.mentioned.get(&(room, user.clone()));
            let Some(name) = name else { continue };
            if self.has_own_rules(user) || self.is_ignored_by(user) {
                continue;
            }
            let Ok(id) = <&UserId>::try_from(user.as_str()) else {
                continue;
            };
            let rules = (self.parts.settings.defaults)(id);
            let outcome = self.stage.outcome(&rules, id, name.as_deref());
            if outcome != verdict.shared {
                let shared = verdict.shared.as_ref();
                verdict.users.push(ForUser::besides(user, outcome, shared));
            }
        }
    }

    /// Members with default rules to whom the event means nothing: who sent it, and who does not
    /// want to hear of the sender.
    fn take_out(&self, verdict: &mut Verdict) {
        if verdict.shared.is_none() {
            return;
        }
        let sender = self.candidate.logged.pdu.sender().as_str();
        let sender = Some(sender).filter(|sender| self.parts.is_local(sender));
        let ignorers = self.ignored_by.into_iter().flatten().map(String::as_str);
        let out = sender.into_iter().chain(ignorers);
        let out: Vec<&str> = out.filter(|user| !self.has_own_rules(user)).collect();
        for user in out {
            let shared = verdict.shared.as_ref();
            verdict.users.push(ForUser::besides(user, None, shared));
        }
    }

    /// Who is invited is not in the room yet.
    fn hear_invited(&mut self, verdict: &mut Verdict) {
        let Some(user) = &self.candidate.invited else {
            return;
        };
        let Ok(id) = <&UserId>::try_from(user.as_str()) else {
            return;
        };
        let inviter = self.candidate.logged.pdu.sender();
        let permission = self.known.invites.get(user);
        if permission.is_some_and(|it| it.verdict(inviter) != InviteVerdict::Allow) {
            return;
        }
        let rules = self.rules_of(id);
        if let Some(outcome) = self.stage.outcome(&rules, id, None) {
            verdict.users.push(ForUser::whole(user, outcome));
        }
    }
}

impl ForUser {
    fn whole(user: &str, outcome: Outcome) -> Self {
        Self {
            user: user.to_owned(),
            notified: 1,
            highlighted: outcome.highlight.into(),
            actions: Some(outcome.actions),
        }
    }

    fn besides(user: &str, outcome: Option<Outcome>, shared: Option<&Outcome>) -> Self {
        let count = |outcome: Option<&Outcome>| {
            outcome.map_or((0, 0), |outcome| (1, i16::from(outcome.highlight)))
        };
        let (own, all) = (count(outcome.as_ref()), count(shared));
        Self {
            user: user.to_owned(),
            notified: own.0 - all.0,
            highlighted: own.1 - all.1,
            actions: outcome.map(|outcome| outcome.actions),
        }
    }
}

#[cfg(test)]
#[path = "judge_test.rs"]
mod judge_test;
