use std::collections::BTreeMap;

use ruma::api::client::thirdparty::get_protocols::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::extract::{Ruma, Session};

/// `GET /_matrix/client/v3/thirdparty/protocols`: no network is bridged.
pub async fn protocols(_: Session, _: Ruma<Request>) -> Answer<Response> {
    Answer(Response::new(BTreeMap::new()))
}
