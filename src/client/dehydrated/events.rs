use axum::Json;
use axum::extract::State;
use causeway_store::Position;
use causeway_users::Users;
use causeway_users::dehydrated::Messages;
use ruma::OwnedDeviceId;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::json_body::JsonBody;
use crate::client::parameters::{InPath, InQuery};

/// Where to go on.
#[derive(Debug, Deserialize)]
pub struct Body {
    next_batch: Option<String>,
}

/// Where to go on, in newer versions of the proposal.
#[derive(Debug, Deserialize)]
pub struct From {
    from: Option<String>,
}

/// Messages of a device.
#[derive(Debug, Serialize)]
pub struct Answer {
    events: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_batch: Option<String>,
}

/// `POST /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device/{device_id}/events`.
/// Clients ask until there are no events, so there is always a place to go on from.
pub async fn events(
    State(users): State<Users>,
    session: Session,
    InPath(device): InPath<OwnedDeviceId>,
    JsonBody(body): JsonBody<Body>,
) -> Result<Json<Answer>, ApiError> {
    let found = find(&users, &session, &device, body.next_batch).await?;
    let next = found.next;
    answer(found, Some(next))
}

/// `GET /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device/{device_id}/events`.
/// Clients ask while there is a place to go on from.
pub async fn events_from(
    State(users): State<Users>,
    session: Session,
    InPath(device): InPath<OwnedDeviceId>,
    InQuery(query): InQuery<From>,
) -> Result<Json<Answer>, ApiError> {
    let found = find(&users, &session, &device, query.from).await?;
    let next = found.has_more.then_some(found.next);
    answer(found, next)
}

async fn find(
    users: &Users,
    session: &Session,
    device: &OwnedDeviceId,
    after: Option<String>,
) -> Result<Messages, ApiError> {
    let after = match after {
        None => Position(0),
        Some(text) => {
            place(&text).ok_or_else(|| ApiError::invalid_param("This is no place to go on from"))?
        }
    };
    let user = &session.user_id;
    Ok(users.dehydrated_messages(user, device, after).await?)
}

/// `d` and a position.
fn place(text: &str) -> Option<Position> {
    let digits = text.strip_prefix('d')?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number).map(Position)
}

fn answer(found: Messages, next: Option<Position>) -> Result<Json<Answer>, ApiError> {
    let events = found.events.into_iter().map(RawValue::from_string);
    Ok(Json(Answer {
        events: events
            .collect::<Result<_, _>>()
            .map_err(ApiError::internal)?,
        next_batch: next.map(|next| format!("d{next}")),
    }))
}
