use axum::Json;
use axum::extract::State;
use causeway_rooms::Rooms;
use causeway_store::Clock;
use ruma::OwnedEventId;

use super::Events;
use crate::error::ApiError;
use crate::origin::Origin;
use crate::parameters::InPath;

/// `GET /_matrix/federation/v1/event/{eventId}`
pub(crate) async fn event(
    State(rooms): State<Rooms>,
    State(clock): State<Clock>,
    InPath(event): InPath<OwnedEventId>,
    origin: Origin,
) -> Result<Json<Events>, ApiError> {
    let pdu = rooms.serve_event(&event, origin.name()).await?;
    Events::new(rooms.server_name(), clock.now_ms(), &[pdu]).map(Json)
}
