//! What stands in the path and the query of requests.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path, Query};
use causeway_outbound::Url;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// The parameters in the path, with `M_INVALID_PARAM` (400) where they do not fit.
#[derive(Debug)]
pub struct InPath<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for InPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(parameters)) => Ok(Self(parameters)),
            Err(error) => Err(ApiError::invalid_param(error.body_text())),
        }
    }
}

/// The parameters in the query, with `M_INVALID_PARAM` (400) where they do not fit.
#[derive(Debug)]
pub struct InQuery<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for InQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(error) => Err(ApiError::invalid_param(error.body_text())),
        }
    }
}

/// Entries of a query that are looked at.
const MAX_PAIRS: usize = 1_000;

/// All entries of the query, for parameters that stand there more than once.
#[derive(Debug)]
pub struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// The values of a parameter.
    ///
    /// # Errors
    /// `M_INVALID_PARAM` (400) if one does not fit.
    pub fn all<T: FromStr>(&self, name: &str) -> Result<Vec<T>, ApiError> {
        let values = self.0.iter().filter(|(key, _)| key == name);
        let read = |(_, value): &(String, String)| {
            let wrong = |_| ApiError::invalid_param(format!("`{name}` does not fit"));
            value.parse().map_err(wrong)
        };
        values.map(read).collect()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Pairs {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let wrong = |_| ApiError::invalid_param("The query cannot be read");
        let url = Url::parse(&format!("http://query/?{query}")).map_err(wrong)?;
        let pairs = url.query_pairs().into_owned().take(MAX_PAIRS);
        Ok(Self(pairs.collect()))
    }
}
