//! Appending events to a room.

use std::time::Duration;

use causeway_events::policy::is_policed;
use causeway_events::redact::redact;
use causeway_events::{Draft, Pdu};
use causeway_store::log::{NewRoom, SentBy};
use causeway_store::rooms::find_event;
use causeway_store::{AppendError, Change, EventNid, Position};
use ruma::{OwnedEventId, OwnedRoomId, RoomId};

use super::build::{Builder, Built, Hindrance, Wish, empty_head};
use super::error::WriteError;
use crate::head::Head;
use crate::heads::stored;
use crate::policy::Signed;
use crate::rooms::Rooms;

/// Attempts at a room whose head keeps moving (another node writes to it, too).
const MAX_ATTEMPTS: u32 = 12;

/// Pause before the second attempt after the database did not answer; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// What to append.
#[derive(Debug, Default)]
pub struct Append {
    /// The events, in order. They are written together or not at all.
    pub drafts: Vec<Draft>,
    /// The client's transaction; only for a single event.
    pub sent_by: Option<SentBy>,
    /// A state event that says what stands already is not written again.
    pub skip_unchanged: bool,
}

impl Append {
    /// One event.
    pub fn one(draft: Draft) -> Self {
        Self {
            drafts: vec![draft],
            ..Self::default()
        }
    }
}

/// What was written.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// Ids of the events, in order.
    pub event_ids: Vec<OwnedEventId>,
    /// The last one's place in the log; `None` if the client's transaction, or the state, had
    /// been written before.
    pub position: Option<Position>,
}

/// What an attempt at a room came to.
enum Written {
    Done(Accepted),
    /// The room's policy server has to sign these first.
    Unsigned(Vec<Pdu>),
}

impl Written {
    /// It had been written before.
    fn before(id: OwnedEventId) -> Self {
        Self::Done(Accepted {
            event_ids: vec![id],
            position: None,
        })
    }
}

enum Step {
    Wait(causeway_store::log::Answer, u64, Vec<OwnedEventId>),
    Remember(Vec<ruma::OwnedUserId>),
    Load,
    Unchanged(OwnedEventId),
}

impl Rooms {
    /// Builds, authorises and writes events of users of this server at the room's end. In a room with
    /// a policy server they are written as that has signed them, and senders take turns.
    ///
    /// The same transaction always gives the first event's id.
    ///
    /// # Errors
    /// See [`WriteError`]; nothing was written then.
    pub async fn append(&self, room: &RoomId, append: Append) -> Result<Accepted, WriteError> {
        let skip_unchanged = append.skip_unchanged;
        let wishes = self.prepare(room, append).await?;
        let policy = self.policy_of(room).await?;
        let warm = self.parts().heads.warm(room);
        let _turn = match &policy {
            Some(_) => Some(warm.signing.lock().await),
            None => None,
        };
        let mut signed = policy.as_ref().map(|_| Signed::new());
        for _ in 0..MAX_ATTEMPTS {
            let written = self.write_all(room, &wishes, skip_unchanged, signed.as_ref());
            match (written.await?, &policy) {
                (Written::Done(accepted), _) => return Ok(accepted),
                (Written::Unsigned(events), Some(policy)) => {
                    signed = Some(self.all_policy_signed(policy, events).await?);
                }
                (Written::Unsigned(_), None) => break,
            }
        }
        Err(WriteError::Busy)
    }

    async fn write_all(
        &self,
        room: &RoomId,
        wishes: &[Wish],
        skip_unchanged: bool,
        signed: Option<&Signed>,
    ) -> Result<Written, WriteError> {
        let warm = self.parts().heads.warm(room);
        let mut pause = FIRST_PAUSE;
        for attempt in 0..MAX_ATTEMPTS {
            let step = {
                let _gate = warm.gate.read().await;
                let permit = self.parts().log.reserve().await;
                let permit = permit.map_err(WriteError::Append)?;
                let mut slot = warm.slot.lock();
                match &slot.head {
                    None => Step::Load,
                    Some(head) => match self.build(head, wishes, skip_unchanged, signed)? {
                        Ready::Unchanged(id) => Step::Unchanged(id),
                        Ready::Unknown(users) => Step::Remember(users),
                        Ready::Unsigned(events) => return Ok(Written::Unsigned(events)),
                        Ready::Built(built) => {
                            let ids = ids(&built);
                            slot.head = Some(built.head);
                            let answer = permit.submit(Change::Room(Box::new(built.batch)));
                            Step::Wait(answer, slot.generation, ids)
                        }
                    },
                }
            };
            match step {
                Step::Load => {
                    self.head(room).await?;
                }
                Step::Remember(users) => {
                    self.head_with(room, &users).await?;
                }
                Step::Unchanged(id) => return Ok(Written::before(id)),
                Step::Wait(answer, generation, event_ids) => match answer.wait().await {
                    Ok(position) => {
                        let position = Some(position);
                        return Ok(Written::Done(Accepted {
                            event_ids,
                            position,
                        }));
                    }
                    Err(AppendError::Duplicate(id)) => {
                        warm.discard(generation);
                        return Ok(Written::before(id));
                    }
                    Err(error) if is_moved(&error, attempt) => warm.discard(generation),
                    Err(AppendError::Unavailable(_)) => {
                        warm.discard(generation);
                        tokio::time::sleep(pause).await;
                        pause *= 2;
                    }
                    Err(error) => {
                        warm.discard(generation);
                        return Err(WriteError::Append(error));
                    }
                },
            }
        }
        Err(WriteError::Busy)
    }

    /// Makes a room of its first events. `room_id` is `None` where it follows from the create
    /// event, the first draft.
    ///
    /// # Errors
    /// See [`WriteError`]; there is no room then.
    pub async fn append_new(
        &self,
        version: causeway_events::RoomVersion,
        room_id: Option<OwnedRoomId>,
        drafts: Vec<Draft>,
    ) -> Result<(OwnedRoomId, Accepted), WriteError> {
        let parts = self.parts();
        let Some(create) = drafts.first().cloned() else {
            return Err(WriteError::NoSuchEvent);
        };
        let room_id = match room_id {
            Some(room_id) => room_id,
            None => self.derived_room_id(version, &create)?,
        };
        let wishes = self.wishes(drafts, None).await?;
        let nid = causeway_store::RoomNid(parts.nids.next().await?);
        let mut head = empty_head(nid, room_id.clone(), version, &create.sender);
        // Nobody is a member yet: whoever is asked for has no membership.
        for wish in &wishes {
            head.remember(wish.draft.sender.clone(), None);
            if let Some(user) = wish
                .draft
                .state_key
                .as_deref()
                .and_then(|key| ruma::UserId::parse(key).ok())
            {
                head.remember(user, None);
            }
        }
        let new = NewRoom {
            room_id: room_id.clone(),
            version: version.id().to_string(),
            created_at_ms: parts.clock.now_ms(),
        };
        let mut builder = Builder::new(&parts.key, &parts.settings.server_name, head).creating(new);
        for wish in &wishes {
            add(&mut builder, wish)?;
        }
        let built = builder.finish();
        let event_ids = ids(&built);
        let position = parts
            .log
            .append(Change::Room(Box::new(built.batch)))
            .await
            .map_err(WriteError::Append)?;
        parts.heads.warm(&room_id).slot.lock().head = Some(built.head);
        Ok((
            room_id,
            Accepted {
                event_ids,
                position: Some(position),
            },
        ))
    }

    fn derived_room_id(
        &self,
        version: causeway_events::RoomVersion,
        create: &Draft,
    ) -> Result<OwnedRoomId, WriteError> {
        let placement = causeway_events::Placement {
            room_id: None,
            prev_events: &[],
            auth_events: &[],
            depth: 1,
        };
        Ok(create
            .build(version, &placement, &self.parts().key)?
            .room_id()
            .to_owned())
    }

    async fn prepare(&self, room: &RoomId, append: Append) -> Result<Vec<Wish>, WriteError> {
        let mut wishes = self.wishes(append.drafts, append.sent_by).await?;
        for wish in &mut wishes {
            if let Some(target) = wish.draft.redacts.clone() {
                wish.redacted = Some(self.redaction(room, &target).await?);
            }
        }
        Ok(wishes)
    }

    /// Numbers for the events and their keys, taken before any lock.
    async fn wishes(
        &self,
        drafts: Vec<Draft>,
        sent_by: Option<SentBy>,
    ) -> Result<Vec<Wish>, WriteError> {
        let parts = self.parts();
        let state = drafts
            .iter()
            .filter_map(|d| Some((d.event_type.as_str(), d.state_key.as_deref()?)));
        let pairs: Vec<(&str, &str)> = state.collect();
        let mut keys = parts.keys.intern(&pairs).await?.into_iter();
        let mut wishes = Vec::with_capacity(drafts.len());
        for draft in drafts {
            wishes.push(Wish {
                key: draft.state_key.as_ref().and_then(|_| keys.next()),
                nid: EventNid(parts.nids.next().await?),
                sent_by: sent_by.clone(),
                redacted: None,
                draft,
            });
        }
        Ok(wishes)
    }

    /// What a redaction of `target` leaves of it.
    async fn redaction(
        &self,
        room: &RoomId,
        target: &ruma::EventId,
    ) -> Result<(EventNid, Pdu), WriteError> {
        let head = self.head(room).await?;
        let row = find_event(self.store(), head.room(), target)
            .await?
            .ok_or(WriteError::NoSuchEvent)?;
        let pdu = stored(head.version(), head.room(), &row.event_id, row.json)?;
        Ok((row.nid, redact(head.version(), &pdu)))
    }

    fn build(
        &self,
        head: &Head,
        wishes: &[Wish],
        skip_unchanged: bool,
        signed: Option<&Signed>,
    ) -> Result<Ready, WriteError> {
        if skip_unchanged && let Some(id) = unchanged(head, wishes) {
            return Ok(Ready::Unchanged(id));
        }
        let parts = self.parts();
        let mut builder =
            Builder::new(&parts.key, &parts.settings.server_name, head.clone()).with_signed(signed);
        for wish in wishes {
            match builder.add(wish) {
                Ok(()) => {}
                Err(Hindrance::Unknown(users)) => return Ok(Ready::Unknown(users)),
                Err(Hindrance::Refused(error)) => return Err(error),
            }
        }
        let built = builder.finish();
        if let Some(signed) = signed {
            let events = built.batch.events.iter().map(|event| &event.pdu);
            let policed = events.filter(|event| is_policed(event));
            let is_signed = |event: &Pdu| signed.contains_key(event.event_id());
            if !policed.into_iter().all(is_signed) {
                // All of them: what was signed before was built on another head.
                let events = built.batch.events.iter().map(|event| event.pdu.clone());
                return Ok(Ready::Unsigned(events.collect()));
            }
        }
        Ok(Ready::Built(Box::new(built)))
    }
}

/// Whether the room is another one than the event was built on. A conflict says that, too, if
/// another node has put events into the room that its head does not tell of.
fn is_moved(error: &AppendError, attempt: u32) -> bool {
    match error {
        AppendError::Stale => true,
        AppendError::Conflict(_) => attempt == 0,
        _ => false,
    }
}

enum Ready {
    Built(Box<Built>),
    Unknown(Vec<ruma::OwnedUserId>),
    Unchanged(OwnedEventId),
    /// A policy server has to sign them first.
    Unsigned(Vec<Pdu>),
}

fn add(builder: &mut Builder<'_>, wish: &Wish) -> Result<(), WriteError> {
    match builder.add(wish) {
        Ok(()) => Ok(()),
        Err(Hindrance::Refused(error)) => Err(error),
        Err(Hindrance::Unknown(_)) => Err(WriteError::Busy),
    }
}

fn ids(built: &Built) -> Vec<OwnedEventId> {
    built
        .batch
        .events
        .iter()
        .map(|event| event.pdu.owned_event_id().clone())
        .collect()
}

/// The event that stands already, if a single state event would say the same again.
fn unchanged(head: &Head, wishes: &[Wish]) -> Option<OwnedEventId> {
    let [wish] = wishes else { return None };
    let state_key = wish.draft.state_key.as_deref()?;
    let entry = head.entry(&wish.draft.event_type, state_key)?;
    let same = |a: &str, b: &str| {
        let parse = serde_json::from_str::<serde_json::Value>;
        matches!((parse(a), parse(b)), (Ok(a), Ok(b)) if a == b)
    };
    let stands = entry.pdu.sender() == wish.draft.sender
        && same(entry.pdu.content_json(), wish.draft.content.get());
    stands.then(|| entry.pdu.owned_event_id().clone())
}
