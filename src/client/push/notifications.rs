use axum::Json;
use axum::extract::State;
use causeway_push::notifications::{self, Page, Wanted};
use causeway_store::{Position, Store};
use ruma::api::client::push::get_notifications::v3::Request;

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `GET /_matrix/client/v3/notifications`
pub async fn list(
    State(store): State<Store>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Json<Page>, ApiError> {
    let before = match request.from.as_deref().filter(|from| !from.is_empty()) {
        Some(from) => Some(
            from.parse()
                .map(Position)
                .map_err(|_| ApiError::invalid_param("`from` is not a token of this server"))?,
        ),
        None => None,
    };
    let wanted = Wanted {
        before,
        limit: request.limit.map(u64::from),
        highlights: request.only.as_deref() == Some("highlight"),
    };
    Ok(Json(
        notifications::list(&store, &session.user_id, wanted).await?,
    ))
}
