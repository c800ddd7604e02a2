use ruma::api::client::account::whoami::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `GET /_matrix/client/v3/account/whoami`
pub async fn whoami(session: Session, _: Ruma<Request>) -> Result<Answer<Response>, ApiError> {
    let mut response = Response::new(session.user_id, session.is_guest);
    response.device_id = Some(session.device_id);
    Ok(Answer(response))
}
