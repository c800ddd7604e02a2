//! Messages from device to device.

mod send;

pub use send::send;
