//! Requests to providers: bounded, and their errors told without secrets.

use std::time::Duration;

use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::SsoError;

/// How long a provider may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Longest answer of a provider, in bytes.
const MAX_ANSWER_BYTES: usize = 262_144;

/// How much of an error's text is told.
const MAX_REASON_CHARS: usize = 200;

/// The error of a token endpoint (RFC 6749, section 5.2).
#[derive(Deserialize)]
struct Refusal {
    error: String,
    error_description: Option<String>,
}

/// The JSON that a provider answers with.
pub(crate) async fn json<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, SsoError> {
    let (status, body) = answer(request).await?;
    if !status.is_success() {
        let refusal = serde_json::from_slice::<Refusal>(&body).ok();
        let why = refusal.map_or_else(String::new, |it| {
            format!("{} {}", it.error, it.error_description.unwrap_or_default())
        });
        let why: String = why
            .chars()
            .filter(|letter| !letter.is_control())
            .take(MAX_REASON_CHARS)
            .collect();
        return Err(SsoError::Denied(format!("{status} {why}")));
    }
    serde_json::from_slice(&body).map_err(|error| SsoError::Nonsense(error.to_string()))
}

/// The text that a provider answers with.
pub(crate) async fn text(request: RequestBuilder) -> Result<String, SsoError> {
    let (status, body) = answer(request).await?;
    if !status.is_success() {
        return Err(SsoError::Denied(status.to_string()));
    }
    String::from_utf8(body).map_err(|error| SsoError::Nonsense(error.to_string()))
}

async fn answer(request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), SsoError> {
    let response = request.timeout(TIMEOUT).send().await;
    // The URL of an error may hold a ticket.
    let response = response.map_err(reqwest::Error::without_url)?;
    let status = response.status();
    Ok((status, read(response).await?))
}

async fn read(mut response: Response) -> Result<Vec<u8>, SsoError> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(reqwest::Error::without_url)?
    {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(SsoError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
