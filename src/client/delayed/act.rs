use axum::Json;
use axum::extract::State;
use causeway_rooms::delayed::DelayedEvents;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::json_body::JsonBody;
use crate::client::parameters::InPath;

/// What is to be done with a delayed event.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is sent now.
    Send,
    /// It is never sent.
    Cancel,
    /// Its time begins anew.
    Restart,
}

/// The body of the earlier form.
#[derive(Debug, Deserialize)]
pub struct Request {
    action: Action,
}

/// `POST .../org.matrix.msc4140/delayed_events/{delayId}/{action}`.
pub async fn act(
    State(delayed): State<DelayedEvents>,
    session: Session,
    InPath((delay_id, action)): InPath<(String, Action)>,
    JsonBody(_): JsonBody<Value>,
) -> Result<Json<Value>, ApiError> {
    done(delayed, session, delay_id, action).await
}

/// `POST .../org.matrix.msc4140/delayed_events/{delayId}`, the earlier form: the action stands in the
/// body.
pub async fn act_of_body(
    State(delayed): State<DelayedEvents>,
    session: Session,
    InPath(delay_id): InPath<String>,
    JsonBody(request): JsonBody<Request>,
) -> Result<Json<Value>, ApiError> {
    done(delayed, session, delay_id, request.action).await
}

async fn done(
    delayed: DelayedEvents,
    session: Session,
    delay_id: String,
    action: Action,
) -> Result<Json<Value>, ApiError> {
    let user = session.user_id;
    match action {
        Action::Send => {
            // A client that goes away does not leave the event half sent.
            let sending = tokio::spawn(async move { delayed.send(&user, &delay_id).await });
            sending.await.map_err(ApiError::internal)??;
        }
        Action::Cancel => delayed.cancel(&user, &delay_id).await?,
        Action::Restart => delayed.restart(&user, &delay_id).await?,
    }
    Ok(Json(json!({})))
}
