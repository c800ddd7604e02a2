//! The clients for requests to addresses that users choose.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use causeway_outbound::{AddressPolicy, Certificate, Outbound, OutboundSettings};

use crate::config::Settings;

/// How one client differs from another.
pub struct Manner {
    /// The `User-Agent` of its requests.
    pub user_agent: &'static str,
    /// Longest time for a connection.
    pub connect_timeout: Duration,
    /// Longest time for a whole request.
    pub timeout: Duration,
    /// Redirects that are followed.
    pub max_redirects: usize,
}

/// A client that reaches what the settings allow.
///
/// # Errors
/// If a file of certificates cannot be read.
pub fn outbound(settings: &Settings, manner: Manner) -> anyhow::Result<Outbound> {
    let authorities = settings.outbound.trusted_authorities.iter();
    let authorities: Vec<Vec<Certificate>> = authorities
        .map(|file| certificates(file))
        .collect::<anyhow::Result<_>>()?;
    Outbound::new(OutboundSettings {
        policy: AddressPolicy {
            allowed: settings.outbound.allowed_addresses.clone(),
            denied: settings.outbound.denied_addresses.clone(),
        },
        user_agent: manner.user_agent.to_owned(),
        connect_timeout: manner.connect_timeout,
        timeout: manner.timeout,
        max_redirects: manner.max_redirects,
        authorities: authorities.concat(),
    })
    .context("the client for foreign addresses cannot be made")
}

fn certificates(file: &Path) -> anyhow::Result<Vec<Certificate>> {
    let trouble = || format!("outbound.trusted_authorities: {}", file.display());
    let pem = std::fs::read(file).with_context(trouble)?;
    let found = Certificate::from_pem_bundle(&pem).with_context(trouble)?;
    anyhow::ensure!(
        !found.is_empty(),
        "{}: there is no certificate in it",
        trouble()
    );
    Ok(found)
}

#[cfg(test)]
#[path = "gate_test.rs"]
mod gate_test;
