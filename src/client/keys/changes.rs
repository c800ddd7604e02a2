use axum::extract::State;
use causeway_sync::{Sync, Token};
use ruma::api::client::keys::get_key_changes::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `GET /_matrix/client/v3/keys/changes`. What happened after `to` is told, too: it is news anyway.
pub async fn changes(
    State(sync): State<Sync>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let from = token("from", &request.from)?;
    token("to", &request.to)?;
    let lists = sync.device_lists(&session.user_id, from).await?;
    Ok(Answer(Response::new(lists.changed, lists.left)))
}

fn token(name: &str, text: &str) -> Result<Token, ApiError> {
    text.parse()
        .map_err(|_| ApiError::invalid_param(format!("`{name}` is not a token of this server")))
}
