use axum::Json;
use axum::extract::State;
use causeway_rooms::Rooms;
use causeway_store::timeline::Direction;
use ruma::{OwnedEventId, OwnedRoomId};
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::origin::Origin;
use crate::parameters::{InPath, InQuery};

/// The parameters of [`near`].
#[derive(Deserialize)]
pub(crate) struct When {
    ts: u64,
    dir: Side,
}

#[derive(Clone, Copy, Deserialize)]
enum Side {
    #[serde(rename = "f")]
    After,
    #[serde(rename = "b")]
    Before,
}

/// The event that is nearest.
#[derive(Serialize)]
pub(crate) struct Nearest {
    event_id: OwnedEventId,
    origin_server_ts: u64,
}

/// `GET /_matrix/federation/v1/timestamp_to_event/{roomId}`
pub(crate) async fn near(
    State(rooms): State<Rooms>,
    InPath(room): InPath<OwnedRoomId>,
    InQuery(When { ts, dir }): InQuery<When>,
    origin: Origin,
) -> Result<Json<Nearest>, ApiError> {
    let direction = match dir {
        Side::After => Direction::Forward,
        Side::Before => Direction::Backward,
    };
    let near = rooms.serve_event_near(&room, ts, direction, origin.name());
    let (event_id, origin_server_ts) = near.await?;
    Ok(Json(Nearest {
        event_id,
        origin_server_ts,
    }))
}
