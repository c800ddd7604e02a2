//! Riddles that people solve and programs do not, as a stage of registration
//! (`m.login.recaptcha`). Specification: client-server API, "Google ReCaptcha".

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;

/// Longest answer that is looked at, in bytes.
pub const MAX_ANSWER_BYTES: usize = 16_384;

/// The service that sets the riddles could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("the captcha service: {0}")]
pub struct CaptchaError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl CaptchaError {
    /// Because of this.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

/// Asks the service whether an answer is right.
pub trait AnswerCheck: Send + Sync {
    /// Whether `answer`, which the service gave to a person's browser, is right and new.
    fn is_right<'a>(&'a self, answer: &'a str) -> BoxFuture<'a, Result<bool, CaptchaError>>;
}

/// The riddles that are asked for.
#[derive(Clone)]
pub struct Captcha {
    /// The key that clients show the riddle with.
    pub public_key: String,
    /// Who knows the right answers.
    pub check: Arc<dyn AnswerCheck>,
}

impl fmt::Debug for Captcha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Captcha({})", self.public_key)
    }
}
