//! Whose invites somebody takes: client-server, "Invite permission"; with lists of users and servers as
//! MSC4155 has them.

use std::collections::{HashMap, HashSet};

use ruma::UserId;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::glob::glob;

/// The account data that says it: see [`InvitePermission::set`].
pub const INVITE_PERMISSION_TYPES: [&str; 4] =
    [IGNORED_USERS, PERMISSION, PERMISSION_OF_MSC4380, FILTER];

const IGNORED_USERS: &str = "m.ignored_user_list";
const PERMISSION: &str = "m.invite_permission_config";
const PERMISSION_OF_MSC4380: &str = "org.matrix.msc4380.invite_permission_config";
const FILTER: &str = "org.matrix.msc4155.invite_permission_config";

/// Bytes of patterns with `*` or `?` in one filter; further ones match nothing. Bounds what one invite
/// costs, as each byte is compared with a user id of at most 255 bytes.
const MAX_PATTERN_BYTES: usize = 64 * 1024;

/// Whose invites a user takes.
#[derive(Debug, Clone, Default)]
pub struct InvitePermission {
    ignored: HashSet<String>,
    /// By the name in the specification, and by the one as a proposal.
    blocks_all: [bool; 2],
    filter: Filter,
}

/// What becomes of an invite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteVerdict {
    /// It reaches the user.
    Allow,
    /// It stands, but the user does not hear of it.
    Ignore,
    /// It is refused: the user takes none.
    Block,
    /// It is refused by the filter of MSC4155.
    BlockByFilter,
}

#[derive(Debug, Clone, Default)]
struct Filter {
    users: [Names; 3],
    servers: [Names; 3],
}

/// What stands in a list of the filter: the order in which they are asked.
const VERDICTS: [InviteVerdict; 3] = [
    InviteVerdict::Allow,
    InviteVerdict::Ignore,
    InviteVerdict::BlockByFilter,
];

#[derive(Debug, Clone, Default)]
struct Names {
    exact: HashSet<String>,
    patterns: Vec<String>,
}

impl InvitePermission {
    /// Takes in global account data: one of [`INVITE_PERMISSION_TYPES`]; other types change nothing.
    /// What is not as it should be counts as empty.
    pub fn set(&mut self, event_type: &str, content: &str) {
        match event_type {
            IGNORED_USERS => self.ignored = ignored(content),
            PERMISSION => self.blocks_all[0] = blocks_all(content),
            PERMISSION_OF_MSC4380 => self.blocks_all[1] = blocks_all(content),
            FILTER => self.filter = Filter::read(content),
            _ => {}
        }
    }

    /// Whether it allows every invite.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let lists = self.filter.users.iter().chain(&self.filter.servers);
        self.ignored.is_empty()
            && !self.blocks_all.contains(&true)
            && lists.into_iter().all(Names::is_empty)
    }

    /// What becomes of an invite by `inviter`. Who takes no invites at all refuses those of ignored
    /// users, too.
    #[must_use]
    pub fn verdict(&self, inviter: &UserId) -> InviteVerdict {
        if self.blocks_all.contains(&true) {
            return InviteVerdict::Block;
        }
        if self.ignored.contains(inviter.as_str()) {
            return InviteVerdict::Ignore;
        }
        self.filter.verdict(inviter)
    }
}

impl InviteVerdict {
    /// Whether the invite is refused.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        matches!(self, Self::Block | Self::BlockByFilter)
    }
}

impl Filter {
    fn read(content: &str) -> Self {
        #[derive(Deserialize)]
        #[serde(default)]
        struct Content {
            enabled: bool,
            allowed_users: Vec<String>,
            ignored_users: Vec<String>,
            blocked_users: Vec<String>,
            allowed_servers: Vec<String>,
            ignored_servers: Vec<String>,
            blocked_servers: Vec<String>,
        }
        impl Default for Content {
            fn default() -> Self {
                Self {
                    enabled: true,
                    allowed_users: Vec::new(),
                    ignored_users: Vec::new(),
                    blocked_users: Vec::new(),
                    allowed_servers: Vec::new(),
                    ignored_servers: Vec::new(),
                    blocked_servers: Vec::new(),
                }
            }
        }
        let content: Content = serde_json::from_str(content).unwrap_or_default();
        if !content.enabled {
            return Self::default();
        }
        let mut left = MAX_PATTERN_BYTES;
        let mut names = |list: Vec<String>| Names::new(list, &mut left);
        let lower = |list: Vec<String>| list.iter().map(|name| name.to_ascii_lowercase()).collect();
        Self {
            users: [
                names(content.allowed_users),
                names(content.ignored_users),
                names(content.blocked_users),
            ],
            servers: [
                names(lower(content.allowed_servers)),
                names(lower(content.ignored_servers)),
                names(lower(content.blocked_servers)),
            ],
        }
    }

    fn verdict(&self, inviter: &UserId) -> InviteVerdict {
        // Without the port, as in the access control lists of rooms.
        let server = inviter.server_name().host().to_ascii_lowercase();
        let find = |lists: &[Names; 3], name: &str| {
            let at = lists.iter().position(|list| list.contains(name));
            at.map(|at| VERDICTS[at])
        };
        find(&self.users, inviter.as_str())
            .or_else(|| find(&self.servers, &server))
            .unwrap_or(InviteVerdict::Allow)
    }
}

impl Names {
    fn new(list: Vec<String>, left: &mut usize) -> Self {
        let mut names = Self::default();
        for name in list {
            if !name.contains(['*', '?']) {
                names.exact.insert(name);
            } else if name.len() <= *left {
                *left -= name.len();
                names.patterns.push(name);
            }
        }
        names
    }

    fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.patterns.is_empty()
    }

    fn contains(&self, name: &str) -> bool {
        self.exact.contains(name) || self.patterns.iter().any(|pattern| glob(pattern, name))
    }
}

fn blocks_all(content: &str) -> bool {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        default_action: std::borrow::Cow<'a, str>,
    }
    serde_json::from_str::<Content<'_>>(content)
        .is_ok_and(|content| content.default_action == "block")
}

fn ignored(content: &str) -> HashSet<String> {
    #[derive(Deserialize)]
    struct Content {
        ignored_users: HashMap<String, IgnoredAny>,
    }
    let content = serde_json::from_str::<Content>(content);
    content.map_or_else(
        |_| HashSet::new(),
        |content| content.ignored_users.into_keys().collect(),
    )
}

#[cfg(test)]
#[path = "invites_test.rs"]
mod invites_test;
