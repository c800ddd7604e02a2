//! Fetching one file.

use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;
use causeway_media::disposition::file_name;
use causeway_media::{About, MAX_WAIT_MS, MediaError};
use causeway_outbound::{Method, Url};
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use http::HeaderMap;
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http_body_util::BodyDataStream;

use super::mixed::{Mixed, MixedError, boundary};
use super::{FetchError, Place};
use crate::Federation;
use crate::links::{LinkError, Standing, StreamedAnswer, segment};

/// Longest time until the file begins: the other server may wait for its upload.
const HEAD_TIMEOUT: Duration = Duration::from_millis(MAX_WAIT_MS + 10_000);

/// Longest time between two pieces of a file.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest time for the whole file.
const TIMEOUT: Duration = Duration::from_secs(600);

/// A body as it comes.
type Body = BoxStream<'static, Result<Bytes, String>>;

impl Federation {
    /// Fetches a file and keeps it.
    pub(super) async fn fetch_now(&self, place: &Place) -> Result<(), FetchError> {
        let places = &self.fetcher().places;
        let _taken = places.take(&place.0).ok_or(FetchError::Busy)?;
        let fetched = tokio::time::timeout(TIMEOUT, self.fetch_file(place)).await;
        let outcome = fetched.unwrap_or(Err(FetchError::Unreachable));
        let (origin, id) = place;
        let told = outcome.err().map(tracing::field::display);
        tracing::debug!(%origin, id, error = told, "a file of another server was fetched");
        outcome
    }

    async fn fetch_file(&self, place: &Place) -> Result<(), FetchError> {
        let (origin, id) = (&place.0, segment(&place.1));
        let path = format!("/_matrix/federation/v1/media/download/{id}?timeout_ms={MAX_WAIT_MS}");
        let request = self.links().get(origin, path).within(HEAD_TIMEOUT);
        match request.stream().await {
            Ok(answer) => self.take_parts(place, answer).await,
            Err(error) if error.is_unrecognized() => self.fetch_older(place).await,
            Err(error) => Err(failure(&error)),
        }
    }

    /// From the endpoint for clients of a server that has none for servers.
    async fn fetch_older(&self, place: &Place) -> Result<(), FetchError> {
        let (origin, id) = (segment(place.0.as_str()), segment(&place.1));
        let path = format!(
            "/_matrix/media/v3/download/{origin}/{id}?allow_remote=false&timeout_ms={MAX_WAIT_MS}"
        );
        let request = self.links().get(&place.0, path).unsigned();
        let answer = request.within(HEAD_TIMEOUT).stream().await;
        let answer = answer.map_err(|error| failure(&error))?;
        self.check_length(&answer.headers)?;
        let about = about(&answer.headers);
        self.keep(place, about, patient(BodyDataStream::new(answer.body)))
            .await
    }

    /// From an answer of two parts: what there may be to tell one day, and the file.
    async fn take_parts(&self, place: &Place, answer: StreamedAnswer) -> Result<(), FetchError> {
        let content_type = answer.headers.get(CONTENT_TYPE);
        let content_type = content_type.and_then(|it| it.to_str().ok());
        let boundary = content_type.and_then(boundary);
        let boundary = boundary.ok_or(FetchError::Unreachable)?;
        let body = patient(BodyDataStream::new(answer.body));
        let mut parts = Mixed::new(boundary, body);
        parts.next_part().await.map_err(|error| nonsense(&error))?;
        let head = parts.next_part().await.map_err(|error| nonsense(&error))?;
        if let Some(location) = head.get(LOCATION) {
            let location = location.to_str().map_err(|_| FetchError::Unreachable)?;
            return self.fetch_elsewhere(place, &head, location).await;
        }
        let content = stream::try_unfold(parts, |mut parts| async {
            let chunk = parts.next_chunk().await?;
            Ok::<_, MixedError>(chunk.map(|chunk| (chunk, parts)))
        });
        self.keep(place, about(&head), content).await
    }

    /// From where the other server says that the file lies, to which no signature goes.
    async fn fetch_elsewhere(
        &self,
        place: &Place,
        head: &HeaderMap,
        location: &str,
    ) -> Result<(), FetchError> {
        let url = Url::parse(location).map_err(|_| FetchError::Unreachable)?;
        let request = self.fetcher().outbound.request(Method::GET, url);
        let request = request.map_err(|_| FetchError::Unreachable)?;
        let response = request.send().await.map_err(|_| FetchError::Unreachable)?;
        if !response.status().is_success() {
            return Err(FetchError::Unreachable);
        }
        self.check_length(response.headers())?;
        let mut described = about(response.headers());
        let by_origin = about(head);
        described.content_type = by_origin.content_type.or(described.content_type);
        described.file_name = by_origin.file_name.or(described.file_name);
        let body = patient(Box::pin(response.bytes_stream()));
        self.keep(place, described, body).await
    }

    /// Refuses a file that is announced as too large.
    fn check_length(&self, headers: &HeaderMap) -> Result<(), FetchError> {
        let length = headers.get(CONTENT_LENGTH).and_then(|it| it.to_str().ok());
        let length = length.and_then(|it| it.parse::<u64>().ok()).unwrap_or(0);
        match length > self.media().max_remote_bytes() {
            true => Err(FetchError::TooLarge),
            false => Ok(()),
        }
    }

    async fn keep<E: Display>(
        &self,
        place: &Place,
        about: About,
        body: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<(), FetchError> {
        let kept = self.media().keep_copy((&place.0, &place.1), about, body);
        match kept.await {
            Ok(()) => Ok(()),
            Err(MediaError::TooLarge) => Err(FetchError::TooLarge),
            Err(MediaError::BrokenOff(_)) => Err(FetchError::Unreachable),
            Err(error) => {
                tracing::error!(%error, "a file of another server could not be kept");
                Err(FetchError::Internal)
            }
        }
    }
}

/// A body that must go on coming.
fn patient<S, E>(body: S) -> Body
where
    S: Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
    E: Display,
{
    let pieces = stream::try_unfold(body, |mut body| async {
        match tokio::time::timeout(IDLE_TIMEOUT, body.next()).await {
            Ok(None) => Ok(None),
            Ok(Some(Ok(piece))) => Ok(Some((piece, body))),
            Ok(Some(Err(error))) => Err(error.to_string()),
            Err(_) => Err("nothing came any more".to_owned()),
        }
    });
    pieces.boxed()
}

fn about(headers: &HeaderMap) -> About {
    let text = |name| headers.get(name).and_then(|it| it.to_str().ok());
    About {
        content_type: text(CONTENT_TYPE).map(str::to_owned),
        file_name: text(CONTENT_DISPOSITION).and_then(file_name),
    }
}

fn nonsense(error: &MixedError) -> FetchError {
    tracing::debug!(%error, "another server sent a file in a form that is none");
    FetchError::Unreachable
}

/// What the other server's refusal means for who asked.
fn failure(error: &LinkError) -> FetchError {
    match (error.errcode(), error.standing()) {
        (Some("M_NOT_YET_UPLOADED"), _) => FetchError::NotYet,
        (Some("M_TOO_LARGE"), _) => FetchError::TooLarge,
        (Some(errcode), Standing::Answers) if !errcode.is_empty() => FetchError::NotFound,
        _ => FetchError::Unreachable,
    }
}
