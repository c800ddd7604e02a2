use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use causeway_federation::Federation;
use causeway_rooms::read::{PublicRoomsQuery, Reader};
use ruma::ServerName;
use ruma::api::client::directory::{get_public_rooms, get_public_rooms_filtered};
use ruma::directory::RoomTypeFilter;
use serde_json::{Map, Value, json};

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::room_json::limit;

/// Rooms that another server is asked for where the client does not say how many.
const DEFAULT_LIMIT: u64 = 100;

/// `GET /_matrix/client/v3/publicRooms`.
pub async fn public_rooms(
    State(reader): State<Reader>,
    State(federation): State<Option<Federation>>,
    Ruma(request): Ruma<get_public_rooms::v3::Request>,
) -> Result<Response, ApiError> {
    if let Some(server) = elsewhere(&reader, request.server.as_deref()) {
        let question = json!({
            "limit": request.limit.map_or(DEFAULT_LIMIT, limit),
            "since": request.since,
        });
        return ask(federation, server, question).await;
    }
    let query = PublicRoomsQuery {
        limit: request.limit.map(limit),
        since: request.since.as_deref(),
        ..PublicRoomsQuery::default()
    };
    Ok(Json(reader.public_rooms(query).await?).into_response())
}

/// `POST /_matrix/client/v3/publicRooms`.
pub async fn public_rooms_filtered(
    State(reader): State<Reader>,
    State(federation): State<Option<Federation>>,
    _: Session,
    Ruma(request): Ruma<get_public_rooms_filtered::v3::Request>,
) -> Result<Response, ApiError> {
    if let Some(server) = elsewhere(&reader, request.server.as_deref()) {
        let question = json!({
            "limit": request.limit.map_or(DEFAULT_LIMIT, limit),
            "since": request.since,
            "filter": request.filter,
        });
        return ask(federation, server, question).await;
    }
    let types: Vec<Option<String>> = request
        .filter
        .room_types
        .iter()
        .map(RoomTypeFilter::as_str)
        .map(|word| word.map(str::to_owned))
        .collect();
    let query = PublicRoomsQuery {
        limit: request.limit.map(limit),
        since: request.since.as_deref(),
        search: request.filter.generic_search_term.as_deref(),
        room_types: (!types.is_empty()).then_some(&types),
    };
    Ok(Json(reader.public_rooms(query).await?).into_response())
}

/// The other server whose directory is asked for, if it is another one.
fn elsewhere<'a>(reader: &Reader, server: Option<&'a ServerName>) -> Option<&'a ServerName> {
    server.filter(|server| *server != reader.server_name())
}

async fn ask(
    federation: Option<Federation>,
    server: &ServerName,
    question: Value,
) -> Result<Response, ApiError> {
    let unreachable = || ApiError::not_found("This server's directory is not reachable");
    let federation = federation.ok_or_else(unreachable)?;
    let mut question = match question {
        Value::Object(question) => question,
        _ => Map::new(),
    };
    question.retain(|_, value| !value.is_null());
    let page = federation.remote_public_rooms(server, &question).await?;
    Ok(Json(page).into_response())
}
