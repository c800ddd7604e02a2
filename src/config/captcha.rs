//! `[captcha]`: riddles for who registers.

use super::reader::Section;
use super::settings::Secret;
use super::values::{self, find_text};

/// `[captcha]`, where there is a site key.
#[derive(Debug, Clone)]
pub struct Captcha {
    /// The key that clients show the riddle with.
    pub site_key: String,
    /// The key that this server asks with.
    pub secret: Secret,
    /// Where it asks.
    pub verify_url: String,
}

/// Where each service is asked.
const SERVICES: [(&str, &str); 2] = [
    (
        "recaptcha",
        "https://www.recaptcha.net/recaptcha/api/siteverify",
    ),
    ("hcaptcha", "https://api.hcaptcha.com/siteverify"),
];

pub(super) fn read(s: &mut Section<'_>) -> Option<Captcha> {
    let right = "a text that is not empty";
    let service = find_text(s, "service", "\"recaptcha\" or \"hcaptcha\"", |it| {
        SERVICES.into_iter().find(|(name, _)| *name == it)
    });
    let url = find_text(s, "verify_url", "a URL", values::web_url);
    let site_key = find_text(s, "site_key", right, values::filled);
    let filled = |it: &str| !it.trim().is_empty();
    let secret = values::find_secret(s, "secret", "secret_file", right, filled);
    let verify_url = url.or_else(|| service.map(|(_, url)| url.to_owned()));
    match (site_key, secret, verify_url) {
        (Some(site_key), Some(secret), Some(verify_url)) => Some(Captcha {
            site_key,
            secret,
            verify_url,
        }),
        (None, None, None) => None,
        _ => {
            let remedy = "give `service`, `site_key` and `secret`, or none of them";
            s.contradiction("site_key", "these go together", remedy);
            None
        }
    }
}
