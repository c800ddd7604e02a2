use axum::extract::State;
use causeway_events::Draft;
use causeway_rooms::{Append, Rooms};
use causeway_store::Clock;
use causeway_store::log::SentBy;
use ruma::OwnedEventId;
use ruma::api::client::message::send_message_event::v3::{Request, Response};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// Longest transaction id that is remembered, in bytes.
const MAX_TXN_ID_BYTES: usize = 255;

/// `PUT /_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}`.
pub async fn send(
    State(rooms): State<Rooms>,
    State(clock): State<Clock>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let event_type = request.event_type.to_string();
    let content = request.body.into_json();
    let redacts = if event_type == "m.room.redaction" {
        redacted_event(&content)?
    } else {
        None
    };
    let draft = Draft {
        event_type,
        state_key: None,
        sender: session.user_id.clone(),
        content,
        redacts,
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

/// The transaction of a client: its device and what it calls the transaction.
///
/// # Errors
/// `M_INVALID_PARAM` for an id that is too long.
pub fn sent_by(session: &Session, txn_id: &str) -> Result<SentBy, ApiError> {
    if txn_id.len() > MAX_TXN_ID_BYTES {
        return Err(ApiError::invalid_param("The transaction id is too long"));
    }
    Ok(SentBy {
        device: session.device_id.clone(),
        txn_id: txn_id.into(),
    })
}

/// The single event of a write.
pub fn the_event(mut event_ids: Vec<OwnedEventId>) -> Result<OwnedEventId, ApiError> {
    event_ids
        .pop()
        .ok_or_else(|| ApiError::internal(anyhow::anyhow!("no event was written")))
}

/// What an `m.room.redaction` that is sent as an ordinary event takes away.
fn redacted_event(content: &RawValue) -> Result<Option<OwnedEventId>, ApiError> {
    #[derive(Deserialize)]
    struct Content {
        redacts: Option<OwnedEventId>,
    }
    serde_json::from_str::<Content>(content.get())
        .map(|content| content.redacts)
        .map_err(|error| ApiError::bad_json(error.to_string()))
}
