//! `[federation]`: links to other servers.

use std::path::PathBuf;

use causeway_outbound::IpRange;
use ruma::OwnedServerName;

use super::read::RANGES;
use super::reader::Section;
use super::values::{self, find_path, flag, texts};

/// `[federation]`
#[derive(Debug, Clone)]
pub struct Federation {
    /// Whether this server speaks with others.
    pub enabled: bool,
    /// Addresses (`host:port`) where other servers find it, by TLS. Both files are there when this
    /// is not empty.
    pub listen: Vec<String>,
    /// PEM file with the certificate and its chain.
    pub tls_certificate: Option<PathBuf>,
    /// PEM file with the private key.
    pub tls_private_key: Option<PathBuf>,
    /// PEM files with authorities that are believed besides those of the machine.
    pub trusted_authorities: Vec<PathBuf>,
    /// Special addresses (private, loopback, ...) where other servers may be all the same.
    pub allowed_addresses: Vec<IpRange>,
    /// Addresses that are never reached.
    pub denied_addresses: Vec<IpRange>,
    /// Servers that are asked for the keys of others.
    pub notaries: Vec<OwnedServerName>,
}

impl Federation {
    /// Where it listens for other servers: nowhere while it does not speak with them.
    pub fn listen_addresses(&self) -> &[String] {
        if self.enabled { &self.listen } else { &[] }
    }
}

pub(super) fn read(s: &mut Section<'_>) -> Federation {
    let addresses = "a list of addresses such as [\"0.0.0.0:8448\", \"[::]:8448\"]";
    let paths = "a list of paths";
    let names = "a list of server names such as [\"matrix.org\"]";
    let server = |it: &str| OwnedServerName::try_from(it).ok();
    let federation = Federation {
        enabled: flag(s, "enabled"),
        listen: texts(s, "listen", addresses, values::address),
        tls_certificate: find_path(s, "tls_certificate"),
        tls_private_key: find_path(s, "tls_private_key"),
        trusted_authorities: texts(s, "trusted_authorities", paths, |it| {
            values::filled(it).map(PathBuf::from)
        }),
        allowed_addresses: texts(s, "allowed_addresses", RANGES, values::ip_range),
        denied_addresses: texts(s, "denied_addresses", RANGES, values::ip_range),
        notaries: texts(s, "notaries", names, server),
    };
    let files = [
        ("tls_certificate", federation.tls_certificate.is_some()),
        ("tls_private_key", federation.tls_private_key.is_some()),
    ];
    for (key, given) in files {
        if !federation.listen.is_empty() && !given {
            let problem = format!("`listen` is given and `{key}` is not");
            s.contradiction("listen", &problem, &format!("add `{key}`, a path"));
        }
    }
    federation
}
