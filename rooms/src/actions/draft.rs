//! Drafts of events of this server's users.

use causeway_events::Draft;
use causeway_events::auth::AuthError;
use ruma::UserId;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::{Rooms, WriteError};

/// The content of an event while it is put together.
pub(crate) type Content = serde_json::Map<String, serde_json::Value>;

/// A refusal in this server's own words, before the rules of authorisation are asked.
pub(crate) fn forbidden(reason: impl Into<String>) -> WriteError {
    WriteError::Forbidden(AuthError {
        reason: reason.into(),
    })
}

/// JSON of a content. Contents come from JSON or are made here of strings, so this cannot fail
/// for want of a form; if it does, the content is refused.
pub(crate) fn raw(content: &impl Serialize) -> Result<Box<RawValue>, WriteError> {
    to_raw_value(content).map_err(|error| bad_content(error.to_string()))
}

/// The content is none that an event can have.
pub(crate) fn bad_content(reason: impl Into<String>) -> WriteError {
    WriteError::Build(causeway_events::BuildError::Content(reason.into()))
}

/// A content as a map of its fields.
pub(crate) fn fields(content: &RawValue) -> Result<Content, WriteError> {
    serde_json::from_str(content.get()).map_err(|error| bad_content(error.to_string()))
}

impl Rooms {
    /// A message event, now.
    pub(crate) fn message(
        &self,
        event_type: impl Into<String>,
        sender: &UserId,
        content: Box<RawValue>,
    ) -> Draft {
        Draft {
            event_type: event_type.into(),
            state_key: None,
            sender: sender.to_owned(),
            content,
            redacts: None,
            origin_ts_ms: self.parts().clock.now_ms(),
        }
    }

    /// A state event, now.
    pub(crate) fn state_event(
        &self,
        event_type: impl Into<String>,
        state_key: impl Into<String>,
        sender: &UserId,
        content: Box<RawValue>,
    ) -> Draft {
        Draft {
            state_key: Some(state_key.into()),
            ..self.message(event_type, sender, content)
        }
    }
}
