//! Services of others that clients ask about: bridged networks, relays for calls.

mod protocols;
mod turn_server;

pub use protocols::protocols;
pub use turn_server::turn_server;
