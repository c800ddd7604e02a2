//! Secrets: tokens that are handed out, and texts that must not be seen.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_store::users::TokenHash;
use rand::Rng as _;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Longest token that is looked at, in bytes; longer ones are unknown.
pub const MAX_TOKEN_BYTES: usize = 1_024;

/// Letters of generated device ids.
const DEVICE_ID_LETTERS: &[u8; 26] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Letters of generated localparts, without those that are easily confused.
const LOCALPART_LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A text that must not be seen: its `Debug` tells nothing, and its memory is wiped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text. Never to be logged.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// What a token is for; it stands at its beginning, so that a leaked one can be recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Of a session.
    Access,
    /// Continues a session.
    Refresh,
    /// For one login.
    Login,
    /// Proves to others who somebody is.
    OpenId,
    /// Stands in the link of a letter.
    Email,
    /// Goes to an identity provider and back.
    Sso,
}

impl TokenKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Access => "cwa_",
            Self::Refresh => "cwr_",
            Self::Login => "cwl_",
            Self::OpenId => "cwo_",
            Self::Email => "cwe_",
            Self::Sso => "cws_",
        }
    }
}

/// A new token with 256 random bits.
pub fn new_token(kind: TokenKind) -> Secret {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    rand::rng().fill_bytes(&mut *bytes);
    let mut text = String::with_capacity(47);
    text.push_str(kind.prefix());
    URL_SAFE_NO_PAD.encode_string(*bytes, &mut text);
    Secret::new(text)
}

/// A new id with 144 random bits, for sessions of authentication and nonces.
pub fn new_session_id() -> String {
    let mut bytes = [0_u8; 18];
    rand::rng().fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A new device id: ten capital letters.
pub fn new_device_id() -> String {
    random_letters(DEVICE_ID_LETTERS, 10)
}

/// A new localpart, for people who do not choose one.
pub fn new_localpart() -> String {
    random_letters(LOCALPART_LETTERS, 12)
}

fn random_letters(letters: &[u8], count: usize) -> String {
    let mut rng = rand::rng();
    (0..count)
        .map(|_| {
            // Widening first keeps the bias of the remainder below one in 10^17.
            let pick = rng.next_u64() % letters.len() as u64;
            char::from(letters[pick as usize])
        })
        .collect()
}

/// What is stored of a token that was made here.
pub fn token_hash(token: &Secret) -> TokenHash {
    Sha256::digest(token.expose().as_bytes()).into()
}

/// What is stored of a token; none if it is too long to be one.
pub fn hash_token(token: &str) -> Option<TokenHash> {
    (token.len() <= MAX_TOKEN_BYTES).then(|| Sha256::digest(token.as_bytes()).into())
}
