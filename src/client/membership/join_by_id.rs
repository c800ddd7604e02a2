use ruma::api::client::membership::join_room_by_id::v3::{Request, Response};
use serde_json::{Map, Value};

use super::join::{Parts, enter};
use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{RumaAnd, Session};

/// `POST /_matrix/client/v3/rooms/{roomId}/join`.
pub async fn join_by_id(
    parts: Parts,
    session: Session,
    RumaAnd(request, content): RumaAnd<Request, Map<String, Value>>,
) -> Result<Answer<Response>, ApiError> {
    let room_id = enter(parts, session, request.room_id, Vec::new(), content).await?;
    Ok(Answer(Response::new(room_id)))
}
