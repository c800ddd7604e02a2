use axum::Json;
use axum::extract::State;
use causeway_rooms::read::Reader;
use causeway_sync::{Filter, Sync};
use ruma::api::client::filter::FilterDefinition;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{invite_of, of_room, present_person, rooms_of, sync_as_value, take_events};
use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::parameters::InQuery;

/// Messages of each room when the client names no number.
const DEFAULT_MESSAGES: u32 = 10;

/// What the endpoint can be asked for.
#[derive(Debug, Deserialize)]
pub struct Parameters {
    limit: Option<u32>,
    #[serde(default)]
    archived: bool,
}

/// `GET /_matrix/client/v3/initialSync`: everything about the caller, as the first clients
/// wanted it when they started.
pub async fn initial_sync(
    State(sync): State<Sync>,
    State(reader): State<Reader>,
    session: Session,
    InQuery(parameters): InQuery<Parameters>,
) -> Result<Json<Value>, ApiError> {
    let mut definition = FilterDefinition::default();
    definition.room.timeline.limit = Some(parameters.limit.unwrap_or(DEFAULT_MESSAGES).into());
    definition.room.include_leave = parameters.archived;
    let user_id = session.user_id.clone();
    let mut answer = sync_as_value(&sync, session, None, Filter::new(definition), 0).await?;
    let end = answer["next_batch"].take();
    let mut receipts = Vec::new();
    let mut rooms = Vec::new();
    for membership in ["join", "leave"] {
        for (room_id, mut room) in rooms_of(&mut answer, membership) {
            let ephemeral = of_room(&room_id, take_events(&mut room["ephemeral"]));
            receipts.extend(ephemeral.filter(|event| event["type"] == "m.receipt"));
            rooms.push(snapshot(&room_id, membership, room, &end));
        }
    }
    let invites = reader.invites(&user_id).await?;
    for (room_id, mut room) in rooms_of(&mut answer, "invite") {
        let told = take_events(&mut room["invite_state"]);
        let mut own = invite_of(&room_id, &user_id, &invites, told).unwrap_or_default();
        own["room_id"] = room_id.as_str().into();
        rooms.push(json!({
            "room_id": room_id, "membership": "invite", "inviter": own["sender"], "invite": own,
        }));
    }
    let presence = take_events(&mut answer["presence"]).into_iter();
    let mut account_data = take_events(&mut answer["account_data"]);
    // Rules that nobody has made are none of the user's data; they have endpoints of their own.
    account_data.retain(|event| event["type"] != "m.push_rules");
    Ok(Json(json!({
        "end": end,
        "presence": presence.map(present_person).collect::<Vec<_>>(),
        "account_data": account_data,
        "receipts": receipts,
        "rooms": rooms,
    })))
}

fn snapshot(room_id: &str, membership: &str, mut room: Value, end: &Value) -> Value {
    let state: Vec<Value> = of_room(room_id, take_events(&mut room["state_after"])).collect();
    let rules = state
        .iter()
        .find(|event| event["type"] == "m.room.join_rules");
    let is_public = rules.is_some_and(|rules| rules["content"]["join_rule"] == "public");
    let chunk: Vec<Value> = of_room(room_id, take_events(&mut room["timeline"])).collect();
    let start = room["timeline"]["prev_batch"].take();
    json!({
        "room_id": room_id,
        "membership": membership,
        "visibility": if is_public { "public" } else { "private" },
        "messages": {"start": if start.is_null() { end.clone() } else { start }, "end": end, "chunk": chunk},
        "state": state,
        "account_data": take_events(&mut room["account_data"]),
    })
}
