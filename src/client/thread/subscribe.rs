use axum::Json;
use axum::extract::State;
use causeway_rooms::read::Reader;
use causeway_users::Users;
use causeway_users::threads::Thread;
use http::StatusCode;
use ruma::{OwnedEventId, OwnedRoomId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::json_body::JsonBody;
use crate::client::parameters::InPath;
use crate::client::room_json::asker;

/// Why a thread is followed.
#[derive(Debug, Deserialize)]
pub struct Body {
    /// The event that made a client do it by itself; none where a person did it.
    automatic: Option<OwnedEventId>,
}

/// `PUT /rooms/{roomId}/thread/{eventId}/subscription`
pub async fn subscribe(
    State(reader): State<Reader>,
    State(users): State<Users>,
    session: Session,
    InPath((room_id, root)): InPath<(OwnedRoomId, OwnedEventId)>,
    JsonBody(body): JsonBody<Body>,
) -> Result<Json<Value>, ApiError> {
    let asker = asker(session);
    let (room, cause) = match &body.automatic {
        None => (reader.thread(&room_id, &root, &asker).await?, None),
        Some(event) => {
            let found = reader.event_in_thread(&room_id, &root, event, &asker);
            let (room, place) = found.await?;
            (room, Some(place.ok_or_else(not_in_thread)?))
        }
    };
    let thread = Thread { room, root: &root };
    let subscribed = users.subscribe_to_thread(&asker.user, &thread, cause);
    subscribed.await?;
    Ok(Json(json!({})))
}

fn not_in_thread() -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "IO.ELEMENT.MSC4306.M_NOT_IN_THREAD",
        "The event is not in the thread",
    )
}
