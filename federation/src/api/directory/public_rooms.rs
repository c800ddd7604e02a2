use axum::Json;
use axum::extract::State;
use causeway_rooms::read::{PublicRooms, PublicRoomsQuery, Reader};
use serde::Deserialize;

use crate::error::ApiError;
use crate::origin::Origin;
use crate::parameters::InQuery;

/// The parameters of [`public_rooms`].
#[derive(Deserialize)]
pub(crate) struct Parameters {
    limit: Option<u64>,
    since: Option<String>,
}

/// `GET /_matrix/federation/v1/publicRooms`
pub(crate) async fn public_rooms(
    State(reader): State<Reader>,
    InQuery(parameters): InQuery<Parameters>,
    _: Origin,
) -> Result<Json<PublicRooms>, ApiError> {
    let query = PublicRoomsQuery {
        limit: parameters.limit,
        since: parameters.since.as_deref(),
        ..PublicRoomsQuery::default()
    };
    Ok(Json(reader.public_rooms(query).await?))
}
