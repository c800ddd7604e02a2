//! From a batch of the log to its effect.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use causeway_events::Pdu;
use causeway_store::log::{Membership as Word, REDACTED, REJECTED, SOFT_FAILED};
use causeway_store::push::{
    self as store, Batch, Change, Counts, Effect, Item, LoggedEvent, Membership, NewAction,
    NewShared, SharedChange, UserChange,
};
use causeway_store::{Position, RoomNid, StoreError};
use ruma::UserId;
use serde::Deserialize;

use crate::judge::{self, Known, Verdict};
use crate::reader::{Changed, Parts};
use crate::{queue, rules};

/// Users whom one event may mention; further ones are not looked at.
pub(crate) const MAX_MENTIONS: usize = 1_000;

/// Users whom one user may ignore; further ones are not looked at.
const MAX_IGNORED: usize = 10_000;

/// A batch, worked out.
#[derive(Debug, Default)]
pub(crate) struct Work {
    pub effect: Effect,
    /// What is told once the effect is written.
    pub change: Change,
    /// What must be forgotten then.
    pub changed: Changed,
}

/// An event that is to be judged.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub logged: Box<LoggedEvent>,
    pub thread: Arc<str>,
    /// Users of this server whom it mentions.
    pub mentioned: Vec<String>,
    /// The user of this server whom it invites.
    pub invited: Option<String>,
}

/// Works out what a batch changes. A fixed number of queries.
pub(crate) async fn work_out(
    parts: &Parts,
    from: Position,
    batch: Batch,
) -> Result<Work, StoreError> {
    let mut work = Work::default();
    (work.effect.from, work.effect.to) = (from, batch.position);
    (work.change.from, work.change.position) = (from, batch.position);
    let mut candidates = Vec::new();
    let mut redactions: Vec<(RoomNid, String)> = Vec::new();
    for item in batch.items {
        match item {
            Item::Read(read) => work.effect.reads.push(read),
            Item::Account {
                position,
                user,
                rules,
                ignored,
            } => work.take_account(parts, position, user, rules, ignored),
            // Events that do not count at all are passed over.
            Item::Event(logged) if logged.flags & (REJECTED | SOFT_FAILED) != 0 => {}
            Item::Event(logged) => {
                if let Some(target) = logged.pdu.redacts() {
                    redactions.push((logged.room, target.to_string()));
                }
                work.take_member(parts, &logged);
                if logged.flags & REDACTED == 0 {
                    candidates.push(candidate(parts, logged));
                }
            }
        }
    }
    work.find_own_rules(parts).await?;
    work.effect.redacted = store::redacted_among(&parts.store, &redactions).await?;
    let redacted = work.effect.redacted.iter();
    work.change.unknown.extend(redacted.map(|event| event.room));
    find_threads(parts, &mut candidates).await?;
    let known = Known::load(parts, &candidates).await?;
    let judged = candidates
        .iter()
        .map(|it| (it, judge::judge(parts, &known, it)));
    let judged: Vec<(&Candidate, Verdict)> = judged.collect();
    work.effect.queue = queue::queue(parts, &known, &judged).await?;
    for (candidate, verdict) in judged {
        work.take_verdict(&known, candidate, verdict);
    }
    metrics::counter!("causeway_push_events").increment(candidates.len() as u64);
    Ok(work)
}

fn candidate(parts: &Parts, logged: Box<LoggedEvent>) -> Candidate {
    let thread = match &logged.relation {
        Some((root, kind)) if kind == "m.thread" => root.as_str().into(),
        _ => store::MAIN.into(),
    };
    Candidate {
        mentioned: mentioned(parts, &logged.pdu),
        invited: invited(parts, &logged.pdu),
        logged,
        thread,
    }
}

/// Users of this server in `m.mentions`.
fn mentioned(parts: &Parts, pdu: &Pdu) -> Vec<String> {
    #[derive(Deserialize)]
    struct Content {
        #[serde(rename = "m.mentions")]
        mentions: Mentions,
    }
    #[derive(Deserialize)]
    struct Mentions {
        user_ids: Vec<serde_json::Value>,
    }
    if !pdu.content_json().contains("m.mentions") {
        return Vec::new();
    }
    let Ok(content) = pdu.content_as::<Content>() else {
        return Vec::new();
    };
    let users = content.mentions.user_ids.iter();
    let users = users.filter_map(|user| user.as_str());
    let local = users.filter(|user| parts.is_local(user) && *user != pdu.sender().as_str());
    let mut local: Vec<String> = local.take(MAX_MENTIONS).map(ToOwned::to_owned).collect();
    local.sort_unstable();
    local.dedup();
    local
}

fn invited(parts: &Parts, pdu: &Pdu) -> Option<String> {
    let target = pdu.state_key()?;
    let is_invite = pdu.event_type() == "m.room.member"
        && membership(pdu.content_json()) == Some(Word::Invite)
        && parts.is_local(target);
    is_invite.then(|| target.to_owned())
}

fn membership(content: &str) -> Option<Word> {
    #[derive(Deserialize)]
    struct Content {
        membership: String,
    }
    let content: Content = serde_json::from_str(content).ok()?;
    Word::from_word(&content.membership)
}

/// Follows relations to threads: a reaction in a thread is in the thread.
async fn find_threads(parts: &Parts, candidates: &mut [Candidate]) -> Result<(), StoreError> {
    let related = |candidate: &Candidate| match &candidate.logged.relation {
        Some((parent, kind)) if kind != "m.thread" => Some((candidate.logged.room, parent.clone())),
        _ => None,
    };
    let parents: HashSet<_> = candidates.iter().filter_map(related).collect();
    let parents: Vec<_> = parents.into_iter().collect();
    let roots = store::threads_of(&parts.store, &parents).await?;
    for candidate in candidates {
        if let Some(root) = related(candidate).and_then(|key| roots.get(&key)) {
            candidate.thread = root.as_str().into();
        }
    }
    Ok(())
}

impl Work {
    fn take_account(
        &mut self,
        parts: &Parts,
        position: Position,
        user: String,
        rules: Option<String>,
        ignored: Option<String>,
    ) {
        let Ok(id) = <&UserId>::try_from(user.as_str()) else {
            return;
        };
        if let Some(content) = ignored {
            let ignored = ignored_users(&content);
            self.effect.ignored.push((user.clone(), ignored));
            self.changed.ignored = true;
        }
        if let Some(content) = rules {
            if !rules::are_default(&content, id, &parts.settings.defaults) {
                self.effect.personal.push((user.clone(), position));
            }
            self.changed.rules.push(user);
        }
    }

    fn take_member(&mut self, parts: &Parts, logged: &LoggedEvent) {
        let (pdu, before) = (&logged.pdu, logged.before);
        let (Some(user), "m.room.member") = (pdu.state_key(), pdu.event_type()) else {
            return;
        };
        if !parts.is_local(user) {
            return;
        }
        let after = membership(pdu.content_json());
        let joined = after == Some(Word::Join);
        // Names change, too.
        self.changed.members.push((logged.room, user.to_owned()));
        if joined == (before == Some(Word::Join)) && after != Some(Word::Leave) {
            return;
        }
        if joined || matches!(after, Some(Word::Leave | Word::Ban)) {
            self.effect.memberships.push(Membership {
                room: logged.room,
                user: user.to_owned(),
                position: logged.position,
                joined,
            });
        }
    }

    /// Of users with rules of their own, the rooms in which something about them changed; and
    /// whether somebody has such rules for the first time.
    async fn find_own_rules(&mut self, parts: &Parts) -> Result<(), StoreError> {
        let members = self.changed.members.iter().map(|(_, user)| user.as_str());
        let setters = self.effect.personal.iter().map(|(user, _)| user.as_str());
        let users: HashSet<&str> = members.chain(setters).collect();
        let users: Vec<&str> = users.into_iter().collect();
        let personal = store::personal_among(&parts.store, &users).await?;
        let is_known = |user: &str| personal.iter().any(|known| known == user);
        let is_new = |(user, _): &(String, Position)| !is_known(user);
        self.changed.all_rooms = self.effect.personal.iter().any(is_new);
        let rooms = self.changed.members.iter();
        let rooms = rooms.filter(|(_, user)| is_known(user));
        self.changed.rooms = rooms.map(|(room, _)| *room).collect();
        // What comes next in this batch must see it, too.
        let memory = &parts.memory;
        self.changed
            .rooms
            .iter()
            .for_each(|room| memory.forget_room(*room));
        Ok(())
    }

    fn take_verdict(&mut self, known: &Known, candidate: &Candidate, verdict: Verdict) {
        let logged = &candidate.logged;
        let room = logged.room;
        if let Some(outcome) = &verdict.shared {
            self.effect.shared.push(NewShared {
                room,
                thread: candidate.thread.clone(),
                position: logged.position,
                event: logged.nid,
                highlight: outcome.highlight,
                actions: outcome.actions.clone(),
            });
            self.change.shared.push(SharedChange {
                room,
                thread: candidate.thread.clone(),
                highlight: outcome.highlight,
                except: known.except(room),
            });
        }
        for personal in verdict.users {
            self.change.users.push(UserChange {
                room,
                user: personal.user.as_str().into(),
                thread: candidate.thread.clone(),
                notified: personal.notified.into(),
                highlighted: personal.highlighted.into(),
            });
            let own = personal.actions.is_none() && personal.user == logged.pdu.sender().as_str();
            self.effect.actions.push(NewAction {
                room,
                user: personal.user,
                thread: candidate.thread.clone(),
                position: logged.position,
                event: logged.nid,
                notified: personal.notified,
                highlighted: personal.highlighted,
                own,
                actions: personal.actions,
            });
        }
    }
}

fn ignored_users(content: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct Content {
        #[serde(default)]
        ignored_users: HashMap<String, serde::de::IgnoredAny>,
    }
    let content = serde_json::from_str::<Content>(content);
    let users = content.map(|content| content.ignored_users.into_keys());
    users.map_or_else(|_| Vec::new(), |users| users.take(MAX_IGNORED).collect())
}

/// What is unread to those who have read or come, for the board.
pub(crate) fn read_anew(
    effect: &Effect,
    mut counts: Counts,
) -> Vec<(RoomNid, Box<str>, store::RoomCounts)> {
    let pairs = effect.to_count().into_iter();
    pairs
        .map(|(room, user)| {
            let found = counts.rooms.remove(&(user.to_owned(), room));
            (room, user.into(), found.unwrap_or_default())
        })
        .collect()
}

/// What is told when another process has read on.
pub(crate) fn everything_changed(position: Position) -> Change {
    Change {
        position,
        all_unknown: true,
        ..Change::default()
    }
}

impl Parts {
    /// Whether a user is of this server.
    pub(crate) fn is_local(&self, user: &str) -> bool {
        let server = user.split_once(':').map(|(_, server)| server);
        user.starts_with('@') && server == Some(self.settings.server_name.as_str())
    }
}
