//! Requests for previews.

use causeway_outbound::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE};
use causeway_outbound::{Method, Response, Url, read_beginning, refusal};
use serde_json::{Map, Value};

use super::card::Card;
use super::{PreviewError, charset, oembed, page};
use crate::{Media, PreviewSettings};

const ACCEPT_PAGE: &str = "text/html,application/xhtml+xml,image/*;q=0.8,*/*;q=0.5";
pub(super) const ACCEPT_PICTURE: &str = "image/webp,image/png,image/jpeg,image/gif;q=0.9,*/*;q=0.1";
const ACCEPT_OEMBED: &str = "application/json";

/// Largest description of an embedded thing (oEmbed), in bytes.
const MAX_OEMBED_BYTES: usize = 256 * 1024;

impl Media {
    /// Fetches a page, what it refers to and its picture.
    pub(super) async fn card(
        &self,
        settings: &PreviewSettings,
        url: Url,
    ) -> Result<Map<String, Value>, PreviewError> {
        let response = get(settings, url, ACCEPT_PAGE).await?;
        let content_type = content_type(&response);
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if essence.starts_with("image/") {
            let mut card = Card::default();
            if let Some(picture) = self.keep_picture(settings, response).await? {
                card.picture(picture);
            }
            return Ok(card.into_properties());
        }
        if !matches!(essence, "text/html" | "application/xhtml+xml") {
            return Ok(Map::new());
        }
        let base = response.url().clone();
        let body = read_beginning(response, settings.max_page_bytes)
            .await
            .map_err(|error| failed(&error))?;
        let page =
            tokio::task::spawn_blocking(move || page::read(&charset::decode(&body, &content_type)));
        let page = page.await.map_err(|error| failed(&error))?;
        let base = page
            .base
            .as_deref()
            .and_then(|href| base.join(href).ok())
            .unwrap_or(base);
        let embedded = match &page.oembed {
            Some(href) => embedded(settings, &base, href).await,
            None => None,
        };
        let (mut card, picture) = Card::of(page, embedded);
        if let Some(picture) = picture.and_then(|href| base.join(&href).ok())
            && let Some(picture) = self.fetch_picture(settings, picture).await?
        {
            card.picture(picture);
        }
        Ok(card.into_properties())
    }
}

/// What the page says elsewhere about itself. That there is no answer is no failure.
async fn embedded(settings: &PreviewSettings, base: &Url, href: &str) -> Option<oembed::Embedded> {
    let response = get(settings, base.join(href).ok()?, ACCEPT_OEMBED)
        .await
        .ok()?;
    let body = causeway_outbound::read_at_most(response, MAX_OEMBED_BYTES)
        .await
        .ok()?;
    oembed::read(&body)
}

/// Requests an address and expects a success.
pub(super) async fn get(
    settings: &PreviewSettings,
    url: Url,
    accept: &'static str,
) -> Result<Response, PreviewError> {
    let request = settings
        .outbound
        .request(Method::GET, url)?
        .header(ACCEPT, accept)
        .header(ACCEPT_LANGUAGE, &settings.accept_language);
    let response = request
        .send()
        .await
        .map_err(|error| match refusal(&error) {
            Some(refused) => refused.into(),
            // The address is the client's own; what went wrong inside is nothing for it.
            None => failed(&error.without_url()),
        })?;
    if !response.status().is_success() {
        return Err(PreviewError::Failed(
            format!("the answer is {}", response.status()).into(),
        ));
    }
    Ok(response)
}

/// The type that an answer says it has, in small letters.
pub(super) fn content_type(response: &Response) -> String {
    let value = response.headers().get(CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok());
    text.unwrap_or_default().to_ascii_lowercase()
}

fn failed(error: &dyn std::error::Error) -> PreviewError {
    PreviewError::Failed(error.to_string().into())
}
