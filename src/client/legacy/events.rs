use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use causeway_rooms::read::Reader;
use causeway_sync::{Filter, Sync};
use ruma::OwnedRoomId;
use ruma::api::client::filter::FilterDefinition;
use serde::Deserialize;
use serde_json::{Value, json};

use super::peek::{Stream, events_of_room};
use super::{invite_of, of_room, present_person, rooms_of, sync_as_value, take_events};
use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::parameters::InQuery;

/// Events of one room in one answer, at most: there is no way to ask for what was left out.
const MAX_EVENTS_PER_ROOM: u32 = 1000;

/// From where, and how long to wait in milliseconds.
#[derive(Debug, Deserialize)]
pub struct Parameters {
    from: Option<String>,
    timeout: Option<u64>,
    room_id: Option<OwnedRoomId>,
    /// How many events. The specification has it no longer and nothing is cut short by it, but a
    /// client that sends nonsense is told so.
    #[serde(rename = "limit")]
    _limit: Option<u32>,
}

/// `GET /_matrix/client/v3/events`: what happens in the caller's rooms, in one list, or in one
/// room that the caller may look into. Without `from` it starts now.
pub async fn events(
    State(sync): State<Sync>,
    State(reader): State<Reader>,
    session: Session,
    InQuery(parameters): InQuery<Parameters>,
) -> Result<Json<Value>, ApiError> {
    if let Some(room_id) = parameters.room_id {
        let stream = Stream {
            room_id,
            from: parameters.from,
            timeout_ms: parameters.timeout.unwrap_or(0),
        };
        return events_of_room(&sync, &reader, session, stream).await;
    }
    if session.is_guest {
        // Guests are let in to look into rooms (client-server, "Guest access").
        return Err(ApiError::guest_forbidden());
    }
    let Some(from) = parameters.from else {
        let nothing = Filter::new(FilterDefinition::ignore_all());
        let answer = sync_as_value(&sync, session, None, nothing, 0).await?;
        let now = &answer["next_batch"];
        return Ok(Json(json!({"start": now, "end": now, "chunk": []})));
    };
    let timeout_ms = parameters.timeout.unwrap_or(0);
    let user_id = session.user_id.clone();
    let mut definition = FilterDefinition::default();
    definition.room.timeline.limit = Some(MAX_EVENTS_PER_ROOM.into());
    let filter = Filter::new(definition);
    let mut answer = sync_as_value(&sync, session, Some(&from), filter, timeout_ms).await?;
    let presence = take_events(&mut answer["presence"]);
    let mut chunk: Vec<Value> = presence.into_iter().map(present_person).collect();
    chunk.extend(take_events(&mut answer["account_data"]));
    for kind in ["join", "leave"] {
        for (room_id, mut room) in rooms_of(&mut answer, kind) {
            for section in ["timeline", "ephemeral", "account_data"] {
                chunk.extend(of_room(&room_id, take_events(&mut room[section])));
            }
        }
    }
    let invited = rooms_of(&mut answer, "invite");
    let invites = match invited.is_empty() {
        true => HashMap::new(),
        false => reader.invites(&user_id).await?,
    };
    for (room_id, mut room) in invited {
        let told = take_events(&mut room["invite_state"]);
        let own = invite_of(&room_id, &user_id, &invites, told);
        chunk.extend(of_room(&room_id, own.into_iter().collect()));
    }
    Ok(Json(
        json!({"start": from, "end": answer["next_batch"], "chunk": chunk}),
    ))
}
