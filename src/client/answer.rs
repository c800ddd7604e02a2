//! Answers in ruma's types.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use ruma::api::{OutgoingResponse, OutgoingResponseExt};

use super::error::ApiError;

/// A ruma response as the answer of a handler.
#[derive(Debug)]
pub struct Answer<R>(pub R);

impl<R> From<R> for Answer<R> {
    fn from(response: R) -> Self {
        Self(response)
    }
}

impl<R: OutgoingResponse> IntoResponse for Answer<R> {
    fn into_response(self) -> Response {
        match self.0.try_into_http_response::<BytesMut>() {
            Ok(response) => response.map(|body| Body::from(body.freeze())),
            Err(error) => ApiError::internal(error).into_response(),
        }
    }
}
