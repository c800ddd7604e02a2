//! Devices of users, and their keys.

mod claim;
mod devices;
mod keys;

pub(crate) use claim::claim;
pub(crate) use devices::devices;
pub(crate) use keys::keys;
