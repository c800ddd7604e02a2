//! `[mail]`: letters to people.

use std::path::PathBuf;

use super::reader::Section;
use super::settings::Secret;
use super::tree::Tree;
use super::values::{self, find_path, find_text, flag, number, text, texts};

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// Not at all.
    None,
    /// It must change to TLS.
    StartTls,
    /// TLS from the first byte.
    Implicit,
}

/// `[mail]`
#[derive(Debug, Clone)]
pub struct Mail {
    /// The mail server. Absent: no letters are sent. Otherwise `from` is there.
    pub host: Option<String>,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: MailTls,
    /// Name and password for the mail server.
    pub login: Option<(String, Secret)>,
    /// Who letters are from.
    pub from: Option<String>,
    /// PEM files with authorities that are believed besides those of the machine.
    pub trusted_authorities: Vec<PathBuf>,
    /// Folder with texts in place of the built-in ones.
    pub templates: Option<PathBuf>,
    /// Whether nobody registers without an address.
    pub required_to_register: bool,
    /// Hosts that people may be led to after they confirmed; absent: any.
    pub next_link_hosts: Option<Vec<String>>,
}

impl Mail {
    /// Whether letters can be sent.
    pub fn is_offered(&self) -> bool {
        self.host.is_some()
    }
}

pub(super) fn read(s: &mut Section<'_>) -> Mail {
    let mail = Mail {
        host: find_text(
            s,
            "host",
            "a name such as \"mail.example.org\"",
            values::filled,
        ),
        port: number(s, "port", 1..=65_535),
        tls: text(
            s,
            "tls",
            "\"starttls\", \"implicit\" or \"none\"",
            |it| match it {
                "starttls" => Some(MailTls::StartTls),
                "implicit" => Some(MailTls::Implicit),
                "none" => Some(MailTls::None),
                _ => None,
            },
        ),
        login: login(s),
        from: find_text(
            s,
            "from",
            "an address such as \"Example <noreply@example.org>\"",
            |it| values::filled(it).filter(|text| text.contains('@')),
        ),
        trusted_authorities: texts(s, "trusted_authorities", "a list of paths", |it| {
            values::filled(it).map(PathBuf::from)
        }),
        templates: find_path(s, "templates"),
        required_to_register: flag(s, "required_to_register"),
        next_link_hosts: s.find("next_link_hosts", "a list of host names", hosts),
    };
    if mail.host.is_some() && mail.from.is_none() {
        let remedy = "add `from`, an address such as \"noreply@example.org\"";
        s.contradiction("host", "`host` is given and `from` is not", remedy);
    }
    if mail.host.is_none() && mail.required_to_register {
        let problem = "an address is required, but no letters can be sent to prove it";
        s.contradiction(
            "required_to_register",
            problem,
            "add `host`, or take it away",
        );
    }
    mail
}

fn login(s: &mut Section<'_>) -> Option<(String, Secret)> {
    let filled = |it: &str| !it.trim().is_empty();
    let right = "a text that is not empty";
    let user = find_text(s, "user", right, values::filled);
    let password = values::find_secret(s, "password", "password_file", right, filled);
    if user.is_some() != password.is_some() {
        let remedy = "give both `user` and `password`, or none";
        s.contradiction("user", "a name and a password go together", remedy);
    }
    user.zip(password)
}

fn hosts(tree: &Tree) -> Option<Vec<String>> {
    let host = |tree: &Tree| match tree {
        Tree::Text(text) => values::filled(text),
        _ => None,
    };
    match tree {
        Tree::List(nodes) => nodes.iter().map(|node| host(&node.tree)).collect(),
        tree => Some(vec![host(tree)?]),
    }
}
