use axum::Json;
use axum::extract::State;
use causeway_rooms::read::{MembersQuery, Reader};
use ruma::api::client::membership::get_member_events::v3::Request;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::room_json::{asker, raw_events};

/// The answer.
#[derive(Debug, Serialize)]
pub struct Members {
    chunk: Vec<Box<RawValue>>,
}

/// `GET /_matrix/client/v3/rooms/{roomId}/members`.
pub async fn members(
    State(reader): State<Reader>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Json<Members>, ApiError> {
    let query = MembersQuery {
        at: request.at.as_deref(),
        membership: request.membership.as_ref().map(AsRef::as_ref),
        not_membership: request.not_membership.as_ref().map(AsRef::as_ref),
    };
    let members = reader
        .members(&request.room_id, query, &asker(session))
        .await?;
    Ok(Json(Members {
        chunk: raw_events(members)?,
    }))
}
