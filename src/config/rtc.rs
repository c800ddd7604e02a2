//! `[rtc]`: calls of several people.

use super::reader::Section;
use super::values::{texts, web_url};

/// `[rtc]`
#[derive(Debug, Clone)]
pub struct Rtc {
    /// Where clients get access to LiveKit servers, the best first; empty: there are none.
    pub livekit_service_urls: Vec<String>,
}

impl Rtc {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let right = "a list of URLs such as [\"https://livekit.example.org\"]";
        Self {
            livekit_service_urls: texts(s, "livekit_service_urls", right, web_url),
        }
    }
}
