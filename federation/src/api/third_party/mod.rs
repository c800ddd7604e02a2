//! Invites by an address, when somebody has proved to have it.

mod exchange;
mod on_bind;

pub(crate) use exchange::exchange;
pub(crate) use on_bind::on_bind;
