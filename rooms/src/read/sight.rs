//! Whether somebody may see an event: what they were in the states before events, and who could see
//! the rooms then.

use std::collections::HashMap;

use causeway_events::Membership;
use causeway_events::visibility::{Sight, Visibility, may_see};
use causeway_store::timeline::{EntryAt, EntryWish, entries_of};
use causeway_store::{RoomNid, RoomPlace, StateRef, StoreError};
use serde::Deserialize;

use super::enter::{Room, visibility_of};
use super::{Asker, Reader};

/// Whether the asker joined after the event.
pub(super) fn joined_after(room: &Room, place: Option<RoomPlace>) -> bool {
    if room.is_joined() {
        return true;
    }
    match (room.departure, place) {
        (Some(departure), Some(place)) => place <= departure.place,
        _ => false,
    }
}

/// What the asker was in some states of rooms, and who could see it then.
pub(super) struct States(HashMap<(RoomNid, StateRef), Known>);

/// What is known of a state.
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub visibility: Visibility,
    pub membership: Membership,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            visibility: Visibility::Shared,
            membership: Membership::Leave,
        }
    }
}

impl States {
    /// One query for all of them, or none where there are none.
    pub(super) async fn load(
        reader: &Reader,
        asker: &Asker,
        states: impl Iterator<Item = (RoomNid, StateRef)>,
    ) -> Result<Self, StoreError> {
        let mut states: Vec<(RoomNid, StateRef)> = states.collect();
        states.sort_unstable_by_key(|(room, state)| (*room, state.line, state.step));
        states.dedup();
        let wishes = (0..states.len()).flat_map(|at| {
            let pairs = [
                ("m.room.history_visibility", ""),
                ("m.room.member", asker.user.as_str()),
            ];
            pairs.map(|(event_type, state_key)| EntryWish {
                at,
                event_type,
                state_key,
            })
        });
        let wishes: Vec<_> = wishes.collect();
        let entries = entries_of(&reader.store, &states, &wishes).await?;
        let mut known: HashMap<_, Known> = HashMap::with_capacity(states.len());
        for entry in entries {
            if let Some(state) = states.get(entry.at) {
                known.entry(*state).or_default().take(&entry);
            }
        }
        Ok(Self(known))
    }

    pub(super) fn at(&self, room: RoomNid, state: StateRef) -> Known {
        self.0.get(&(room, state)).copied().unwrap_or_default()
    }

    /// Whether the asker may see an event that is neither a member event nor sets the visibility,
    /// at a place and after a state.
    pub(super) fn let_see(&self, room: &Room, place: RoomPlace, before: StateRef) -> bool {
        let known = self.at(room.nid, before);
        may_see(&Sight {
            visibility: known.visibility,
            visibility_after: None,
            membership: known.membership,
            membership_after: None,
            joined_later: joined_after(room, Some(place)),
        })
    }
}

impl Known {
    fn take(&mut self, entry: &EntryAt) {
        if entry.event_type == "m.room.history_visibility" {
            self.visibility = visibility_of(Some(&entry.json));
        } else if let Some(membership) = membership_in(&entry.json) {
            self.membership = membership;
        }
    }
}

fn membership_in(json: &str) -> Option<Membership> {
    #[derive(Deserialize)]
    struct Event {
        content: Content,
    }
    #[derive(Deserialize)]
    struct Content {
        membership: String,
    }
    let event: Event = serde_json::from_str(json).ok()?;
    Membership::parse(&event.content.membership)
}
