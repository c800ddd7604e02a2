//! What an e-mail address looks like here.

use std::fmt;

/// Longest address, and longest part before the `@`, in bytes (RFC 5321, section 4.5.3.1).
const MAX_BYTES: usize = 254;
const MAX_LOCAL_BYTES: usize = 64;

/// An address in small letters, without anything that a mail program could read otherwise: no
/// quotes, no comments, no spaces, no second `@`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Reads an address; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        let (local, domain) = text.split_once('@')?;
        let is_short = text.len() <= MAX_BYTES && local.len() <= MAX_LOCAL_BYTES;
        let local_fits = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
        let fits = is_short
            && !local.is_empty()
            && local.chars().all(local_fits)
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..")
            && is_domain(domain);
        fits.then_some(Self(text))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_domain(domain: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    domain.split('.').all(label)
}

#[cfg(test)]
#[path = "address_test.rs"]
mod tests;
