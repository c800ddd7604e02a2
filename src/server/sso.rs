//! Identity providers, by which people log in.

use anyhow::Context as _;
use causeway_sso::SignOn;

use crate::config::Settings;

/// The providers that the operator names. Their addresses may be private ones, as nobody else
/// chooses them.
///
/// # Errors
/// If the client cannot be made.
pub fn sign_on(settings: &Settings) -> anyhow::Result<SignOn> {
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("Causeway/", env!("CARGO_PKG_VERSION")))
        .build()
        .context("the client for identity providers cannot be made")?;
    Ok(SignOn::new(settings.sso.providers.clone(), &http))
}
