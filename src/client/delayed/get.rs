use axum::Json;
use axum::extract::State;
use causeway_rooms::delayed::DelayedEvents;
use serde_json::Value;

use super::shown;
use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::parameters::InPath;

/// `GET .../org.matrix.msc4140/delayed_events/{delayId}`: one that waits, or what became of it.
pub async fn get(
    State(delayed): State<DelayedEvents>,
    session: Session,
    InPath(delay_id): InPath<String>,
) -> Result<Json<Value>, ApiError> {
    let event = delayed.find(&session.user_id, &delay_id).await?;
    Ok(Json(shown(event)?))
}
