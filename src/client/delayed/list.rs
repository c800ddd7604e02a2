use axum::Json;
use axum::extract::State;
use causeway_rooms::delayed::DelayedEvents;
use serde_json::{Value, json};

use super::shown;
use crate::client::error::ApiError;
use crate::client::extract::Session;

/// `GET .../org.matrix.msc4140/delayed_events`: those that wait, what is sent first coming first.
pub async fn list(
    State(delayed): State<DelayedEvents>,
    session: Session,
) -> Result<Json<Value>, ApiError> {
    let events = delayed.list(&session.user_id).await?;
    let events: Result<Vec<Value>, ApiError> = events.into_iter().map(shown).collect();
    Ok(Json(json!({ "delayed_events": events? })))
}
