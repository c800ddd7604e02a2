//! Which servers a room lets in (client-server, Server Access Control Lists).

use causeway_events::glob;
use ruma::ServerName;
use serde::Deserialize;
use serde_json::Value;

use crate::head::Head;

/// Patterns that are looked at, at most.
const MAX_PATTERNS: usize = 10_000;

/// A room's `m.room.server_acl`.
#[derive(Debug, Clone)]
pub struct Acl {
    allow: Vec<String>,
    deny: Vec<String>,
    allow_ip_literals: bool,
}

impl Acl {
    /// What the room says; `None` if it says nothing: then everybody is let in.
    pub fn of(head: &Head) -> Option<Self> {
        #[derive(Deserialize)]
        struct Content {
            #[serde(default)]
            allow: Value,
            #[serde(default)]
            deny: Value,
            #[serde(default)]
            allow_ip_literals: Value,
        }
        let content: Content = head.content("m.room.server_acl")?;
        Some(Self {
            allow: patterns(&content.allow),
            deny: patterns(&content.deny),
            allow_ip_literals: content.allow_ip_literals.as_bool().unwrap_or(true),
        })
    }

    /// Whether a server may take part in the room. The port does not count.
    pub fn allows(&self, server: &ServerName) -> bool {
        if server.is_ip_literal() && !self.allow_ip_literals {
            return false;
        }
        let host = server.host().to_ascii_lowercase();
        let matches = |patterns: &[String]| patterns.iter().any(|pattern| glob(pattern, &host));
        !matches(&self.deny) && matches(&self.allow)
    }
}

impl Head {
    /// Whether the room's access control list lets a server take part.
    pub fn allows_server(&self, server: &ServerName) -> bool {
        Acl::of(self).is_none_or(|acl| acl.allows(server))
    }
}

fn patterns(list: &Value) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    let texts = list.filter_map(Value::as_str).take(MAX_PATTERNS);
    texts.map(str::to_ascii_lowercase).collect()
}

#[cfg(test)]
#[path = "acl_test.rs"]
mod acl_test;
