use axum::extract::State;
use causeway_rooms::Rooms;
use causeway_rooms::receipts::{ReadUpTo, ReceiptKind};
use ruma::api::client::receipt::create_receipt::v3::{ReceiptType, Request, Response};
use ruma::events::receipt::ReceiptThread;

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/rooms/{roomId}/receipt/{receiptType}/{eventId}`.
pub async fn set(
    State(rooms): State<Rooms>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let kind = match request.receipt_type {
        ReceiptType::Read => ReceiptKind::Public,
        ReceiptType::ReadPrivate => ReceiptKind::Private,
        ReceiptType::FullyRead if request.thread == ReceiptThread::Unthreaded => {
            rooms
                .set_fully_read(&request.room_id, session.user_id, request.event_id)
                .await?;
            return Ok(Answer(Response::new()));
        }
        ReceiptType::FullyRead => {
            return Err(ApiError::invalid_param("m.fully_read has no thread"));
        }
        _ => return Err(ApiError::invalid_param("No such type of receipt")),
    };
    if request.thread.as_str() == Some("") {
        return Err(ApiError::invalid_param("`thread_id` is empty"));
    }
    let read = ReadUpTo {
        user: session.user_id,
        event_id: request.event_id,
        thread_id: request.thread.as_str().unwrap_or_default().to_owned(),
        kind,
    };
    rooms.set_receipt(&request.room_id, read).await?;
    Ok(Answer(Response::new()))
}
