//! What a name of an account is made of: `{preferred_username}`, `{given_name}-{family_name}`.

use serde_json::{Map, Value};

/// Longest result, in bytes; a claim that leads to more counts as missing.
const MAX_BYTES: usize = 256;

/// A text with the names of claims in braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Claim(String),
}

impl Template {
    /// Reads a template. None where braces do not fit together or no claim is named: everybody
    /// would be called the same.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (claim, after) = after.split_once('}')?;
            if claim.is_empty() || claim.contains('{') || before.contains('}') {
                return None;
            }
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Claim(claim.to_owned()));
            rest = after;
        }
        if rest.contains('}') || parts.is_empty() {
            return None;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Some(Self(parts))
    }

    /// The text with these claims, of which texts and numbers are known. None where one is missing
    /// or empty.
    pub(crate) fn fill(&self, claims: &Map<String, Value>) -> Option<String> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Claim(name) => match claims.get(name)? {
                    Value::String(text) if !text.trim().is_empty() => filled.push_str(text.trim()),
                    Value::Number(number) => filled.push_str(&number.to_string()),
                    _ => return None,
                },
            }
            if filled.len() > MAX_BYTES {
                return None;
            }
        }
        Some(filled)
    }
}
