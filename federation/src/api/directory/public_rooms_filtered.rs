use axum::Json;
use axum::extract::State;
use causeway_rooms::read::{PublicRooms, PublicRoomsQuery, Reader};
use serde::Deserialize;

use crate::error::ApiError;
use crate::origin::Signed;

/// The body of [`public_rooms_filtered`].
#[derive(Deserialize)]
pub(crate) struct Question {
    limit: Option<u64>,
    since: Option<String>,
    #[serde(default)]
    filter: Filter,
}

#[derive(Default, Deserialize)]
struct Filter {
    generic_search_term: Option<String>,
    /// `null` in the list stands for rooms without a type.
    room_types: Option<Vec<Option<String>>>,
}

/// `POST /_matrix/federation/v1/publicRooms`
pub(crate) async fn public_rooms_filtered(
    State(reader): State<Reader>,
    request: Signed<Question>,
) -> Result<Json<PublicRooms>, ApiError> {
    let question = request.body;
    let query = PublicRoomsQuery {
        limit: question.limit,
        since: question.since.as_deref(),
        search: question.filter.generic_search_term.as_deref(),
        room_types: question.filter.room_types.as_deref(),
    };
    Ok(Json(reader.public_rooms(query).await?))
}
