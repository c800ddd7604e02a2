//! What the commands of an administrator ask of a server, and how they reach it.
//!
//! A running server listens on a Unix socket in its data directory (`control`), open to its own
//! user and root only. A command that finds it lets the server do the work, so that its caches
//! and readers know of it at once; otherwise the command opens the database itself and does the
//! same with the same code.
//!
//! Start reading at [`perform`]; `listen.rs` is the server's side of the socket, `call.rs` the
//! command's.

mod call;
mod destinations;
mod listen;

use std::{fs::File, io, os::fd::AsRawFd, path::Path};

use causeway_users::secret::Secret;
use ruma::OwnedUserId;
use serde::{Deserialize, Serialize};

use crate::server::state::AppState;

pub use call::{CallError, call};
pub use destinations::{DestinationLine, Destinations};
pub use listen::listen;

/// Name of the socket in the data directory.
const SOCKET: &str = "control";

/// Longest request or reply, in bytes: a page of a thousand accounts has room.
const MAX_MESSAGE_BYTES: u64 = 4 << 20;

/// Accounts in one page of the list.
pub const ACCOUNTS_PER_PAGE: u32 = 500;

/// What is asked. Has no `Debug`, because it holds passwords.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Make an account.
    Create {
        /// Localpart.
        name: String,
        /// Its password.
        password: String,
        /// Whether it administers the server.
        admin: bool,
    },
    /// Accounts in the order of their ids.
    List {
        /// The last id of the page before.
        after: Option<String>,
    },
    /// Close an account for good.
    Deactivate {
        /// Localpart or whole id.
        user: String,
        /// Whether its owner is to be forgotten.
        erase: bool,
    },
    /// Give an account another password and end its sessions.
    ResetPassword {
        /// Localpart or whole id.
        user: String,
        /// The new password.
        password: String,
    },
    /// Other servers that lack something.
    Destinations {
        /// Also those that lacked something and have it now.
        all: bool,
    },
}

/// What comes back.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It is done, for this user.
    Done(OwnedUserId),
    /// A page of accounts.
    Accounts(Vec<AccountLine>),
    /// Other servers.
    Destinations(Destinations),
    /// It is not done; why, for people.
    Refused(String),
}

/// An account as the list shows it.
#[derive(Debug, Serialize, Deserialize)]
pub struct AccountLine {
    /// Its id.
    pub user_id: String,
    /// Whether it administers the server.
    pub admin: bool,
    /// Whether it is a guest's.
    pub guest: bool,
    /// Whether it was closed.
    pub deactivated: bool,
    /// When it was made, in milliseconds.
    pub created_at: u64,
}

/// Does what is asked.
pub async fn perform(state: &AppState, request: Request) -> Reply {
    match try_perform(state, request).await {
        Ok(reply) => reply,
        Err(error) => Reply::Refused(format!("{error:#}")),
    }
}

async fn try_perform(state: &AppState, request: Request) -> anyhow::Result<Reply> {
    let users = &state.users;
    let resolve = |user: &str| {
        let found = users.resolve(user);
        found.ok_or_else(|| anyhow::anyhow!("{user} is no user of {}", users.server_name()))
    };
    match request {
        Request::Create {
            name,
            password,
            admin,
        } => {
            let name = local_name(&name, users.server_name().as_str());
            Ok(Reply::Done(
                users.create(name, Secret::new(password), admin).await?,
            ))
        }
        Request::List { after } => {
            let accounts = users.list(after.as_deref(), ACCOUNTS_PER_PAGE).await?;
            let lines = accounts.into_iter().map(|account| AccountLine {
                user_id: account.user_id,
                admin: account.is_admin,
                guest: account.is_guest,
                deactivated: account.is_deactivated,
                created_at: account.created_at,
            });
            Ok(Reply::Accounts(lines.collect()))
        }
        Request::Deactivate { user, erase } => {
            let user = resolve(&user)?;
            users.deactivate(&user, erase).await?;
            // a command that goes away does not keep the account in its rooms
            let rooms = state.rooms.clone();
            let leaver = user.clone();
            tokio::spawn(async move { rooms.leave_all(&leaver).await }).await??;
            Ok(Reply::Done(user))
        }
        Request::ResetPassword { user, password } => {
            let user = resolve(&user)?;
            users.reset_password(&user, Secret::new(password)).await?;
            Ok(Reply::Done(user))
        }
        Request::Destinations { all } => {
            Ok(Reply::Destinations(destinations::look(state, all).await?))
        }
    }
}

/// `@alice:example.org` and `alice` mean the same on example.org.
fn local_name<'a>(name: &'a str, server: &str) -> &'a str {
    let local = name
        .strip_prefix('@')
        .and_then(|rest| rest.strip_suffix(server));
    local
        .and_then(|rest| rest.strip_suffix(':'))
        .unwrap_or(name)
}

/// Runs something with a path of the socket that is short enough for a socket, whatever the data
/// directory is called.
fn with_short_path<T>(
    data_dir: &Path,
    use_path: impl FnOnce(&Path) -> io::Result<T>,
) -> io::Result<T> {
    let dir = File::open(data_dir)?;
    let path = format!("/proc/self/fd/{}/{SOCKET}", dir.as_raw_fd());
    use_path(Path::new(&path))
}

#[cfg(test)]
mod mod_test;
