//! What another server may see (server-server, "Backfilling and retrieving missing events"): an
//! event that one of its users may see. Of others it gets what a redaction leaves, which its
//! graph needs.

use std::collections::{HashMap, HashSet};

use causeway_events::Pdu;
use causeway_events::redact::redact;
use causeway_events::visibility::Visibility;
use causeway_store::graph::{NodeRow, list_users_of_server};
use causeway_store::log::Membership;
use causeway_store::timeline::entries_at;
use causeway_store::{StateRef, StoreError};
use ruma::ServerName;
use serde::Deserialize;

use super::chain::pdu;
use crate::head::Head;
use crate::rooms::Rooms;

#[derive(Deserialize)]
struct Event {
    content: Content,
}

#[derive(Deserialize)]
struct Content {
    history_visibility: Option<String>,
    membership: Option<String>,
}

impl Rooms {
    /// The events as a server may see them. Up to three queries.
    pub(super) async fn for_server(
        &self,
        head: &Head,
        server: &ServerName,
        rows: Vec<NodeRow>,
    ) -> Result<Vec<Pdu>, StoreError> {
        let mut states: Vec<StateRef> = rows.iter().map(state_before).collect();
        states.sort_unstable_by_key(|at| (at.line, at.step));
        states.dedup();
        let visible = self.visible_states(head, server, &states).await?;
        let mut pdus = Vec::with_capacity(rows.len());
        for row in rows {
            let is_visible = visible.contains(&state_before(&row)) || row.key.is_some();
            let pdu = pdu(head, row)?;
            pdus.push(if is_visible {
                pdu
            } else {
                redact(head.version(), &pdu)
            });
        }
        Ok(pdus)
    }

    /// Those of some states in which the server may see what is said.
    async fn visible_states(
        &self,
        head: &Head,
        server: &ServerName,
        states: &[StateRef],
    ) -> Result<HashSet<StateRef>, StoreError> {
        let pair = [("m.room.history_visibility", "")];
        let entries = entries_at(self.store(), head.room(), states, &pair).await?;
        let mut settings: HashMap<usize, Visibility> = HashMap::new();
        for entry in entries {
            let event: Option<Event> = serde_json::from_str(&entry.json).ok();
            let word = event.and_then(|event| event.content.history_visibility);
            settings.insert(entry.at, Visibility::parse(&word.unwrap_or_default()));
        }
        let setting = |at: usize| settings.get(&at).copied().unwrap_or(Visibility::Shared);
        let is_open =
            |at: usize| matches!(setting(at), Visibility::WorldReadable | Visibility::Shared);
        let (open, closed): (Vec<usize>, Vec<usize>) =
            (0..states.len()).partition(|at| is_open(*at));
        let mut visible: HashSet<StateRef> = open.into_iter().map(|at| states[at]).collect();
        if closed.is_empty() {
            return Ok(visible);
        }
        let users = list_users_of_server(self.store(), head.room(), server.as_str()).await?;
        let pairs: Vec<(&str, &str)> = users
            .iter()
            .map(|user| ("m.room.member", &**user))
            .collect();
        let asked: Vec<StateRef> = closed.iter().map(|at| states[*at]).collect();
        for entry in entries_at(self.store(), head.room(), &asked, &pairs).await? {
            let event: Option<Event> = serde_json::from_str(&entry.json).ok();
            let word = event.and_then(|event| event.content.membership);
            let membership = word.and_then(|word| Membership::from_word(&word));
            let may_see = match membership {
                Some(Membership::Join) => true,
                Some(Membership::Invite) => setting(closed[entry.at]) == Visibility::Invited,
                _ => false,
            };
            if may_see {
                visible.insert(asked[entry.at]);
            }
        }
        Ok(visible)
    }
}

/// An accepted state event is the last step of the state after it.
pub(super) fn state_before(row: &NodeRow) -> StateRef {
    let is_step = row.key.is_some() && row.flags & causeway_store::log::REJECTED == 0;
    StateRef {
        line: row.state.line,
        step: row.state.step - i32::from(is_step && row.state.step > 0),
    }
}
