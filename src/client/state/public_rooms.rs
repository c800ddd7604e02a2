use axum::Json;
use axum::extract::State;
use causeway_rooms::read::{PublicRooms, PublicRoomsQuery, Reader};
use ruma::ServerName;
use ruma::api::client::directory::{get_public_rooms, get_public_rooms_filtered};
use ruma::directory::RoomTypeFilter;

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::room_json::limit;

/// `GET /_matrix/client/v3/publicRooms`.
pub async fn public_rooms(
    State(reader): State<Reader>,
    Ruma(request): Ruma<get_public_rooms::v3::Request>,
) -> Result<Json<PublicRooms>, ApiError> {
    of_this_server(&reader, request.server.as_deref())?;
    let query = PublicRoomsQuery {
        limit: request.limit.map(limit),
        since: request.since.as_deref(),
        ..PublicRoomsQuery::default()
    };
    Ok(Json(reader.public_rooms(query).await?))
}

/// `POST /_matrix/client/v3/publicRooms`.
pub async fn public_rooms_filtered(
    State(reader): State<Reader>,
    _: Session,
    Ruma(request): Ruma<get_public_rooms_filtered::v3::Request>,
) -> Result<Json<PublicRooms>, ApiError> {
    of_this_server(&reader, request.server.as_deref())?;
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
    Ok(Json(reader.public_rooms(query).await?))
}

/// Directories of other servers are asked for over federation.
fn of_this_server(reader: &Reader, server: Option<&ServerName>) -> Result<(), ApiError> {
    match server {
        Some(server) if server != reader.server_name() => Err(ApiError::not_found(
            "This server's directory is not reachable",
        )),
        _ => Ok(()),
    }
}
