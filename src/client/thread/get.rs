use axum::Json;
use axum::extract::State;
use causeway_rooms::read::Reader;
use causeway_users::Users;
use causeway_users::threads::Thread;
use ruma::{OwnedEventId, OwnedRoomId};
use serde_json::{Value, json};

use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::parameters::InPath;
use crate::client::room_json::asker;

/// `GET /rooms/{roomId}/thread/{eventId}/subscription`
pub async fn get(
    State(reader): State<Reader>,
    State(users): State<Users>,
    session: Session,
    InPath((room_id, root)): InPath<(OwnedRoomId, OwnedEventId)>,
) -> Result<Json<Value>, ApiError> {
    let asker = asker(session);
    let room = reader.thread(&room_id, &root, &asker).await?;
    let thread = Thread { room, root: &root };
    let subscription = users.thread_subscription(&asker.user, &thread).await?;
    Ok(Json(json!({"automatic": subscription.automatic})))
}
