use axum::extract::State;
use causeway_rooms::Rooms;
use causeway_rooms::receipts::{ReadUpTo, ReceiptKind};
use ruma::api::client::read_marker::set_read_marker::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/rooms/{roomId}/read_markers`.
pub async fn set_markers(
    State(rooms): State<Rooms>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    if let Some(event_id) = request.fully_read {
        rooms
            .set_fully_read(&request.room_id, session.user_id.clone(), event_id)
            .await?;
    }
    let receipts = [
        (request.read_receipt, ReceiptKind::Public),
        (request.private_read_receipt, ReceiptKind::Private),
    ];
    for (event_id, kind) in receipts {
        let Some(event_id) = event_id else { continue };
        let user = session.user_id.clone();
        let read = ReadUpTo {
            user,
            event_id,
            thread_id: String::new(),
            kind,
        };
        rooms.set_receipt(&request.room_id, read).await?;
    }
    Ok(Answer(Response::new()))
}
