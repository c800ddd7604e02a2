use axum::extract::State;
use causeway_store::rooms::list_mutual_rooms;
use causeway_store::{RoomNid, Store};
use ruma::UInt;
use ruma::api::client::membership::get_mutual_rooms::v1::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// Rooms in one answer, at most.
const PAGE_ROOMS: i64 = 100;

/// `GET /_matrix/client/v1/mutual_rooms`. The token of a further page is the number of the last
/// room of the one before.
pub async fn mutual_rooms(
    State(store): State<Store>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    if request.user_id == session.user_id {
        return Err(ApiError::invalid_param(
            "You share all of your rooms with yourself",
        ));
    }
    let after = match request.from.as_deref().map(str::parse) {
        None => RoomNid(0),
        Some(Ok(last)) => RoomNid(last),
        Some(Err(_)) => {
            return Err(ApiError::invalid_param(
                "`from` is no token of this endpoint",
            ));
        }
    };
    let limit = PAGE_ROOMS + 1;
    let mut mutual =
        list_mutual_rooms(&store, &session.user_id, &request.user_id, after, limit).await?;
    let full = usize::try_from(PAGE_ROOMS).unwrap_or(usize::MAX);
    let is_more = mutual.page.len() > full;
    mutual.page.truncate(full);
    let last = mutual.page.last().map(|(nid, _)| nid.to_string());
    let joined = mutual.page.into_iter().map(|(_, id)| id).collect();
    let count = UInt::try_from(mutual.count).unwrap_or(UInt::MAX);
    let mut response = Response::new(count, joined);
    response.next_batch = last.filter(|_| is_more);
    Ok(Answer(response))
}
