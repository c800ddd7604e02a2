use axum::extract::State;
use causeway_events::Draft;
use causeway_rooms::{Append, Rooms};
use causeway_store::Clock;
use ruma::api::client::redact::redact_event::v3::{Request, Response};
use serde::Serialize;
use serde_json::value::to_raw_value;

use super::send::{sent_by, the_event};
use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `PUT /_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId}`.
pub async fn redact(
    State(rooms): State<Rooms>,
    State(clock): State<Clock>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    #[derive(Serialize)]
    struct Content<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
    }
    let content = Content {
        reason: request.reason.as_deref(),
    };
    let draft = Draft {
        event_type: "m.room.redaction".to_owned(),
        state_key: None,
        sender: session.user_id.clone(),
        content: to_raw_value(&content).map_err(ApiError::internal)?,
        redacts: Some(request.event_id),
        origin_ts_ms: clock.now_ms(),
    };
    let sent_by = Some(sent_by(&session, request.txn_id.as_str())?);
    let append = Append {
        sent_by,
        ..Append::one(draft)
    };
    let accepted = rooms.append(&request.room_id, append).await?;
    Ok(Answer(Response::new(the_event(accepted.event_ids)?)))
}
