//! Events as answers hold them.

use causeway_events::Pdu;
use serde_json::value::RawValue;

use crate::error::ApiError;

/// The text of an event.
pub(crate) fn text(pdu: &Pdu) -> Result<Box<RawValue>, ApiError> {
    RawValue::from_string(pdu.json().to_owned()).map_err(ApiError::internal)
}

/// The texts of events.
pub(crate) fn texts(pdus: &[Pdu]) -> Result<Vec<Box<RawValue>>, ApiError> {
    pdus.iter().map(text).collect()
}
