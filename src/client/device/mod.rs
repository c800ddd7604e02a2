//! Devices of the user who asks.

mod delete;
mod get;
mod list;
mod rename;

pub use delete::{delete, delete_many};
pub use get::get;
pub use list::list;
pub use rename::rename;

use causeway_store::users::devices::Device as Stored;
use ruma::api::client::device::Device;
use ruma::{MilliSecondsSinceUnixEpoch, UInt};

/// A device as its user sees it.
fn shown(stored: Stored) -> Device {
    let mut device = Device::new(stored.device_id.into());
    device.display_name = stored.display_name;
    device.last_seen_ip = stored.last_seen_ip;
    device.last_seen_ts = stored
        .last_seen_at
        .and_then(UInt::new)
        .map(MilliSecondsSinceUnixEpoch);
    device
}
