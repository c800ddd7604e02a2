use axum::Json;
use axum::extract::State;
use causeway_rooms::read::{HierarchyQuery, HierarchyRooms, Reader};
use ruma::api::client::space::get_hierarchy::v1::Request;

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::room_json::limit;

/// `GET /_matrix/client/v1/rooms/{roomId}/hierarchy`.
pub async fn hierarchy(
    State(reader): State<Reader>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Json<HierarchyRooms>, ApiError> {
    let query = HierarchyQuery {
        suggested_only: request.suggested_only,
        max_depth: request.max_depth.map(limit),
        limit: request.limit.map(limit),
        from: request.from.as_deref(),
    };
    let rooms = reader
        .hierarchy(&request.room_id, query, &session.user_id)
        .await?;
    Ok(Json(rooms))
}
