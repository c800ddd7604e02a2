use axum::extract::State;
use causeway_rooms::read::Reader;
use ruma::api::client::room::get_event_by_timestamp::v1::{Request, Response};
use ruma::{MilliSecondsSinceUnixEpoch, UInt};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::room_json::{asker, direction};

/// `GET /_matrix/client/v1/rooms/{roomId}/timestamp_to_event`.
pub async fn near(
    State(reader): State<Reader>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let (event_id, ts_ms) = reader
        .event_near(
            &request.room_id,
            request.ts.get().into(),
            direction(request.dir),
            &asker(session),
        )
        .await?;
    let at = MilliSecondsSinceUnixEpoch(UInt::new_saturating(ts_ms));
    Ok(Answer(Response::new(event_id, at)))
}
