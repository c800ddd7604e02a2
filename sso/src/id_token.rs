//! What an ID token says, if it is to be believed. OpenID Connect Core 1.0, section 3.1.3.7.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};

use crate::SsoError;

/// How far the provider's clock and ours may be apart, in seconds.
const LEEWAY_S: u64 = 60;

/// Longest token that is looked at, in bytes.
const MAX_TOKEN_BYTES: usize = 65_536;

/// Signatures that are believed: those of public keys.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// What a token must be to be believed.
#[derive(Debug)]
pub(crate) struct Expected<'a> {
    /// Whose it is.
    pub(crate) issuer: &'a str,
    /// Whom it is for.
    pub(crate) client_id: &'a str,
    /// The attempt that it belongs to.
    pub(crate) nonce: &'a str,
    /// Now, in milliseconds.
    pub(crate) now_ms: u64,
}

/// A provider's keys.
#[derive(Debug, Default)]
pub(crate) struct Keys(Vec<Jwk>);

impl Keys {
    /// Reads a key set (RFC 7517). Keys of kinds that are not known here are left out.
    pub(crate) fn read(set: Vec<Value>) -> Self {
        let keys = set.into_iter();
        Self(
            keys.filter_map(|it| serde_json::from_value(it).ok())
                .collect(),
        )
    }

    /// The keys that may have signed a token with this header.
    fn fitting(&self, kid: Option<&str>, algorithm: Algorithm) -> Vec<DecodingKey> {
        let fits = |key: &&Jwk| {
            let common = &key.common;
            let is_it = kid.is_none() || common.key_id.as_deref() == kid;
            let signs = !matches!(common.public_key_use, Some(PublicKeyUse::Encryption));
            let for_it = common.key_algorithm.as_ref();
            let for_it = for_it.is_none_or(|it| it.to_string() == format!("{algorithm:?}"));
            is_it && signs && for_it
        };
        let keys = self.0.iter().filter(fits);
        keys.filter_map(|key| DecodingKey::from_jwk(key).ok())
            .filter(|key| key.family() == algorithm.family())
            .collect()
    }
}

/// Why a token was not believed.
#[derive(Debug)]
pub(crate) enum Doubt {
    /// No key of the provider fits: perhaps it has new ones.
    UnknownKey,
    /// For good.
    NotValid(SsoError),
}

impl From<&'static str> for Doubt {
    fn from(what: &'static str) -> Self {
        Self::NotValid(SsoError::NotValid(what))
    }
}

/// The claims of a token.
pub(crate) fn read(
    token: &str,
    keys: &Keys,
    expected: &Expected<'_>,
) -> Result<Map<String, Value>, Doubt> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err("its length".into());
    }
    let header = decode_header(token).map_err(|_| Doubt::from("its header"))?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err("its algorithm".into());
    }
    let mut validation = Validation::new(header.alg);
    validation.set_issuer(&[expected.issuer]);
    validation.set_audience(&[expected.client_id]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // By the clock that is passed in, below.
    validation.validate_exp = false;
    let mut doubt = Doubt::UnknownKey;
    for key in keys.fitting(header.kid.as_deref(), header.alg) {
        match decode::<Map<String, Value>>(token, &key, &validation) {
            Ok(data) => {
                check(&data.claims, expected)?;
                return Ok(data.claims);
            }
            Err(error) => doubt = doubt_of(error.kind()),
        }
    }
    Err(doubt)
}

fn doubt_of(kind: &ErrorKind) -> Doubt {
    match kind {
        ErrorKind::InvalidSignature => "its signature",
        ErrorKind::InvalidIssuer => "its issuer",
        ErrorKind::InvalidAudience => "its audience",
        ErrorKind::MissingRequiredClaim(_) => "a claim is missing",
        _ => "its form",
    }
    .into()
}

/// What `jsonwebtoken` does not look at: times, nonce, the authorized party.
fn check(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), Doubt> {
    let now = expected.now_ms / 1_000;
    let time = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) => match number.as_f64() {
            Some(at) if at >= 0.0 => Ok(Some(at as u64)),
            _ => Err(Doubt::from("one of its times")),
        },
        Some(_) => Err(Doubt::from("one of its times")),
    };
    let end = time("exp")?.ok_or(Doubt::from("its end"))?;
    if end.saturating_add(LEEWAY_S) <= now {
        return Err("it has expired".into());
    }
    for begin in [time("nbf")?, time("iat")?].into_iter().flatten() {
        if begin > now + LEEWAY_S {
            return Err("it is of the future".into());
        }
    }
    if claims.get("nonce").and_then(Value::as_str) != Some(expected.nonce) {
        return Err("its nonce".into());
    }
    let several = claims.get("aud").and_then(Value::as_array);
    let party = claims.get("azp").and_then(Value::as_str);
    match (several.map(Vec::len), party) {
        (_, Some(party)) if party != expected.client_id => Err("its authorized party".into()),
        (Some(2..), None) => Err("its authorized party".into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "id_token_test.rs"]
mod id_token_test;
