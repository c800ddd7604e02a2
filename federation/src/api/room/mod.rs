//! What is in rooms: events, states, history.

mod auth;
mod backfill;
mod event;
mod missing;
mod near;
mod state;
mod state_ids;

pub(crate) use auth::auth;
pub(crate) use backfill::backfill;
pub(crate) use event::event;
pub(crate) use missing::missing;
pub(crate) use near::near;
pub(crate) use state::state;
pub(crate) use state_ids::state_ids;

use causeway_events::Pdu;
use ruma::{OwnedEventId, ServerName};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::pdus::texts;
use crate::error::ApiError;

/// Some events, as a transaction would hold them.
#[derive(Serialize)]
pub(crate) struct Events {
    origin: Box<str>,
    origin_server_ts: u64,
    pdus: Vec<Box<RawValue>>,
}

impl Events {
    fn new(origin: &ServerName, now_ms: u64, pdus: &[Pdu]) -> Result<Self, ApiError> {
        Ok(Self {
            origin: origin.as_str().into(),
            origin_server_ts: now_ms,
            pdus: texts(pdus)?,
        })
    }
}

/// The parameters of [`state`] and [`state_ids`].
#[derive(Deserialize)]
pub(crate) struct At {
    event_id: OwnedEventId,
}
