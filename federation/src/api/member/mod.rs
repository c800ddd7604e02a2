//! Who comes into rooms through this server, who goes, and whom others invite.

mod invite;
mod invite_v1;
mod make;
mod send;
mod send_v1;

pub(crate) use invite::invite;
pub(crate) use invite_v1::invite_v1;
pub(crate) use make::{make_join, make_knock, make_leave};
pub(crate) use send::{send_join, send_knock, send_leave};
pub(crate) use send_v1::{send_join_v1, send_leave_v1};
