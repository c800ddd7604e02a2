//! Files of this server, for other servers.

mod answer;
mod download;
mod thumbnail;

pub(crate) use download::download;
pub(crate) use thumbnail::thumbnail;
