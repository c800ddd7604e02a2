//! Devices of the user who asks.

mod delete;
mod get;
mod list;
mod rename;

pub use delete::{delete, delete_many};
pub use get::get;
pub use list::list;
pub use rename::rename;

use causeway_store::users::devices::Device;
use serde_json::{Value, json};

/// A device as its user sees it. What is not known is left out, where ruma would write null.
fn shown(device: Device) -> Value {
    let mut shown = json!({ "device_id": device.device_id });
    if let Some(name) = device.display_name {
        shown["display_name"] = name.into();
    }
    if let Some(ip) = device.last_seen_ip {
        shown["last_seen_ip"] = ip.into();
    }
    if let Some(at_ms) = device.last_seen_at {
        shown["last_seen_ts"] = at_ms.into();
    }
    shown
}
