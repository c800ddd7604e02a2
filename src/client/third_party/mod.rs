//! Services of others that clients ask about: bridged networks, relays for calls.

mod lookups;
mod protocols;
mod turn_server;

pub use lookups::{locations, locations_of_alias, protocol, users, users_of_id};
pub use protocols::protocols;
pub use turn_server::turn_server;
