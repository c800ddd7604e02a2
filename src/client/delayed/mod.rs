//! Delayed events (MSC4140).

mod act;
mod get;
mod list;
pub mod routes;
mod schedule;

pub use act::{act, act_of_body};
pub use get::get;
pub use list::list;
pub use schedule::{Delay, later, schedule};

use causeway_store::rooms::delayed::Delayed;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::error::ApiError;

/// What clients see of one of their delayed events.
fn shown(event: Delayed) -> Result<Value, ApiError> {
    let content = RawValue::from_string(event.content).map_err(ApiError::internal)?;
    let mut shown = json!({
        "delay_id": event.delay_id,
        "room_id": event.room_id,
        "type": event.event_type,
        "delay_ms": event.delay_ms,
        "scheduled_at": event.scheduled_at,
        "content": content,
    });
    let texts = [("state_key", event.state_key), ("event_id", event.event_id)];
    for (name, text) in texts {
        if let Some(text) = text {
            shown[name] = Value::String(text);
        }
    }
    if let Some(error) = event.error {
        shown["error"] = serde_json::from_str(&error).map_err(ApiError::internal)?;
    }
    if let Some(at) = event.finalised_at {
        shown["finalised_ts"] = json!(at);
    }
    Ok(shown)
}
