use axum::Json;
use axum::extract::State;
use causeway_rooms::read::Reader;
use ruma::api::client::threads::get_threads::v1::{IncludeThreads, Request};

use super::list::Relations;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::room_json::{asker, limit};

/// `GET /_matrix/client/v1/rooms/{roomId}/threads`.
pub async fn threads(
    State(reader): State<Reader>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Json<Relations>, ApiError> {
    let participated = request.include == IncludeThreads::Participated;
    let found = reader
        .threads(
            &request.room_id,
            participated,
            request.from.as_deref(),
            request.limit.map(limit),
            &asker(session),
        )
        .await?;
    Relations::of(found)
}
