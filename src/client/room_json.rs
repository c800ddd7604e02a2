//! What the endpoints that read rooms share: who asks, filters, and events that are JSON already.

use causeway_rooms::read::{Asker, EventFilter};
use causeway_store::timeline;
use ruma::UInt;
use ruma::api::Direction;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::ApiError;
use super::extract::Session;

/// Who asks, as the kitchen wants to know it.
pub fn asker(session: Session) -> Asker {
    Asker {
        user: session.user_id,
        device: Some(session.device_id),
    }
}

/// Events that were written as JSON.
///
/// # Errors
/// If one is not JSON, which would be a mistake of this server.
pub fn raw_events(events: Vec<String>) -> Result<Vec<Box<RawValue>>, ApiError> {
    events.into_iter().map(raw_event).collect()
}

/// One event that was written as JSON.
///
/// # Errors
/// As [`raw_events`].
pub fn raw_event(event: String) -> Result<Box<RawValue>, ApiError> {
    RawValue::from_string(event).map_err(ApiError::internal)
}

/// `dir` of a request.
pub fn direction(dir: Direction) -> timeline::Direction {
    match dir {
        Direction::Backward => timeline::Direction::Backward,
        Direction::Forward => timeline::Direction::Forward,
    }
}

/// A `limit` of a request.
pub fn limit(limit: UInt) -> u64 {
    limit.into()
}

/// The `filter` of a query, with the fields that ruma's type leaves out.
#[derive(Debug, Deserialize)]
pub struct FilterParameter {
    filter: Option<String>,
}

impl FilterParameter {
    /// The parameter as it was written; empty if there is none.
    pub fn text(&self) -> &str {
        self.filter.as_deref().unwrap_or_default()
    }

    /// Reads the filter; none passes everything.
    ///
    /// # Errors
    /// `M_INVALID_PARAM` if it is no filter.
    pub fn read(&self) -> Result<EventFilter, ApiError> {
        match self.filter.as_deref().filter(|filter| !filter.is_empty()) {
            None => Ok(EventFilter::default()),
            Some(filter) => EventFilter::parse(filter)
                .map_err(|error| ApiError::invalid_param(format!("filter: {error}"))),
        }
    }
}
