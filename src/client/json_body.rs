//! Bodies of endpoints that ruma has no type for, or whose type it cannot read safely.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequest, Request};
use serde::de::DeserializeOwned;

use super::body;
use super::error::ApiError;
use crate::server::entrance::Entrance;
use crate::server::record::RequestRecord;

/// A JSON body, with the checks and errors of [`super::extract::Ruma`]. An empty body is `{}`.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T, S> FromRequest<S> for JsonBody<T>
where
    T: DeserializeOwned + Send,
    Entrance: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let entrance = Entrance::from_ref(state);
        let (parts, body) = request.into_parts();
        if let Some(record) = parts.extensions.get::<Arc<RequestRecord>>() {
            entrance.check_request(record)?;
        }
        let bytes = body::read(&parts.headers, body, entrance.max_body_bytes()).await?;
        body::check_json(&bytes)?;
        let json = if bytes.is_empty() { b"{}" } else { &bytes[..] };
        serde_json::from_slice(json)
            .map(Self)
            .map_err(|error| ApiError::bad_json(error.to_string()))
    }
}
