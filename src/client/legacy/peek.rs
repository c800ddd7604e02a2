//! `/events` of one room, for those who look into it without having joined.

use axum::Json;
use causeway_rooms::read::Reader;
use causeway_sync::{Sync, Token, Watcher};
use ruma::OwnedRoomId;
use serde_json::{Value, json};

use super::{of_room, present_person};
use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::room_json::asker;

/// What is asked of the stream.
pub(super) struct Stream {
    pub room_id: OwnedRoomId,
    pub from: Option<String>,
    pub timeout_ms: u64,
}

/// Events, receipts, typing and presence of one room (client-server, "Room Previews"). Without
/// `from` it starts now.
pub(super) async fn events_of_room(
    sync: &Sync,
    reader: &Reader,
    session: Session,
    stream: Stream,
) -> Result<Json<Value>, ApiError> {
    let asker = asker(session.clone());
    let room = reader.enter(&stream.room_id, &asker).await?;
    let Some(from) = stream.from else {
        let now = sync.now().await.to_string();
        return Ok(Json(json!({"start": now, "end": now, "chunk": []})));
    };
    let mut token: Token = from
        .parse()
        .map_err(|_| ApiError::invalid_param("This is not a token of this server"))?;
    let watcher = Watcher {
        user_id: session.user_id,
        device_id: session.device_id,
        room: room.nid,
        room_id: stream.room_id,
        timeout_ms: stream.timeout_ms,
    };
    let watch = sync.watch(&watcher).await?;
    loop {
        let news = watch.next(token).await?;
        let mut next = news.next;
        let mut chunk = Vec::new();
        if news.may_have_events {
            let (after, until) = (token.position, next.position);
            let between = reader.events_between(&watcher.room_id, &asker, after, until);
            let between = between.await?;
            next.position = between.more_after.unwrap_or(next.position);
            for event in &between.events {
                let event = serde_json::from_str(event).map_err(ApiError::internal)?;
                chunk.extend(of_room(watcher.room_id.as_str(), vec![event]));
            }
        }
        for event in &news.ephemeral {
            let event: Value = serde_json::from_str(event.get()).map_err(ApiError::internal)?;
            if event["type"] == "m.presence" {
                chunk.push(present_person(event));
            } else {
                chunk.extend(of_room(watcher.room_id.as_str(), vec![event]));
            }
        }
        if !chunk.is_empty() || news.is_last {
            let end = next.to_string();
            return Ok(Json(json!({"start": from, "end": end, "chunk": chunk})));
        }
        token = next;
    }
}
