use std::sync::Arc;

use axum::extract::State;
use ruma::api::client::discovery::discover_homeserver::{HomeserverInfo, Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::Ruma;
use crate::config::Settings;

/// `GET /.well-known/matrix/client`: where clients reach the server.
pub async fn client(
    State(settings): State<Arc<Settings>>,
    _: Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    if !settings.well_known.client {
        return Err(ApiError::not_found("This document is served elsewhere"));
    }
    Ok(Answer(Response::new(HomeserverInfo::new(
        settings.public_base_url(),
    ))))
}
