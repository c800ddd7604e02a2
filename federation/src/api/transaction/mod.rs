//! What other servers send.

mod send;

pub(crate) use send::send;
