//! Dehydrated devices (MSC3814), under the names they have while they are a proposal.

mod delete;
mod events;
mod get;
mod put;

pub use delete::delete;
pub use events::{events, events_from};
pub use get::get;
pub use put::put;
