//! Threads that people follow (MSC4306), and the list of them (MSC4308).

mod get;
mod list;
pub mod routes;
mod subscribe;
mod unsubscribe;

pub use get::get;
pub use list::list;
pub use subscribe::subscribe;
pub use unsubscribe::unsubscribe;
