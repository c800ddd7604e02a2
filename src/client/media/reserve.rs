use axum::extract::State;
use causeway_media::Media;
use ruma::api::client::media::create_mxc_uri::v1::{Request, Response};
use ruma::{MilliSecondsSinceUnixEpoch, UInt};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/media/v1/create`: an address whose content is to come.
pub async fn reserve(
    State(media): State<Media>,
    session: Session,
    _: Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let (uri, expires_at) = media.reserve(&session.user_id).await?;
    let mut response = Response::new(uri);
    response.unused_expires_at = UInt::new(expires_at).map(MilliSecondsSinceUnixEpoch);
    Ok(Answer(response))
}
