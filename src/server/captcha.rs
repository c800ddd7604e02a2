//! Asks the service that sets riddles whether an answer is right.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use causeway_users::captcha::{AnswerCheck, Captcha, CaptchaError};
use futures::future::BoxFuture;
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::config::{Secret, Settings};

/// How long the service may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Answers that are asked about at a time; others wait.
const MAX_CONNECTIONS: usize = 16;

/// Longest answer of the service, in bytes.
const MAX_VERDICT_BYTES: usize = 65_536;

/// The riddles that the operator wants, if any.
///
/// # Errors
/// If the client cannot be made.
pub fn captcha(settings: &Settings) -> anyhow::Result<Option<Captcha>> {
    let Some(captcha) = &settings.captcha else {
        return Ok(None);
    };
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("Causeway/", env!("CARGO_PKG_VERSION")))
        .build()
        .context("the client for the captcha service cannot be made")?;
    Ok(Some(Captcha {
        public_key: captcha.site_key.clone(),
        check: Arc::new(Service {
            client,
            url: captcha.verify_url.clone(),
            secret: captcha.secret.clone(),
            connections: Semaphore::new(MAX_CONNECTIONS),
        }),
    }))
}

struct Service {
    client: reqwest::Client,
    url: String,
    secret: Secret,
    connections: Semaphore,
}

/// What the service says; reCAPTCHA and hCaptcha alike.
#[derive(Deserialize)]
struct Verdict {
    success: bool,
}

impl AnswerCheck for Service {
    fn is_right<'a>(&'a self, answer: &'a str) -> BoxFuture<'a, Result<bool, CaptchaError>> {
        Box::pin(async move {
            let asked = tokio::time::timeout(TIMEOUT, self.ask(answer)).await;
            asked.map_err(CaptchaError::new)?.map_err(CaptchaError::new)
        })
    }
}

impl Service {
    async fn ask(&self, answer: &str) -> anyhow::Result<bool> {
        let _turn = self.connections.acquire().await?;
        let form = [("secret", self.secret.expose()), ("response", answer)];
        let request = self.client.post(&self.url).form(&form);
        let mut response = request.send().await?.error_for_status()?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
            anyhow::ensure!(body.len() <= MAX_VERDICT_BYTES, "its answer is too long");
        }
        let verdict: Verdict = serde_json::from_slice(&body).context("its answer")?;
        Ok(verdict.success)
    }
}
