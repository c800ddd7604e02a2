use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use causeway_store::Position;
use causeway_users::Users;
use causeway_users::threads::MAX_LISTED;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::parameters::InQuery;

/// Changes that are listed where no number is asked for.
const DEFAULT_LIMIT: i64 = 100;

/// What the endpoint can be asked for.
#[derive(Debug, Deserialize)]
pub struct Parameters {
    dir: Option<String>,
    from: Option<String>,
    to: Option<String>,
    limit: Option<i64>,
}

/// `GET /thread_subscriptions`: the newest changes first. Tokens are positions of the log: those of
/// this endpoint (`h…`), and those of sync as `to`.
pub async fn list(
    State(users): State<Users>,
    session: Session,
    InQuery(parameters): InQuery<Parameters>,
) -> Result<Json<Value>, ApiError> {
    match parameters.dir.as_deref() {
        Some("b") => {}
        Some(_) => return Err(ApiError::invalid_param("`dir` is `b`")),
        None => return Err(ApiError::missing_param("`dir` is missing")),
    }
    let limit = parameters.limit.unwrap_or(DEFAULT_LIMIT);
    if limit < 1 {
        return Err(ApiError::invalid_param("`limit` is greater than 0"));
    }
    let limit = limit.min(MAX_LISTED);
    let up_to = position(parameters.from.as_deref(), "from")?.unwrap_or(Position(i64::MAX));
    let after = position(parameters.to.as_deref(), "to")?.unwrap_or(Position(0));
    let changes = users.thread_changes(&session.user_id, after, up_to, limit);
    let changes = changes.await?;
    let is_full = changes.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    let last = changes.last().map(|change| change.subscription.position.0);
    type Rooms = BTreeMap<String, BTreeMap<String, Value>>;
    let (mut subscribed, mut unsubscribed) = (Rooms::new(), Rooms::new());
    for change in changes {
        let (rooms, shown) = match change.subscription {
            it if it.subscribed => (
                &mut subscribed,
                json!({"automatic": it.automatic, "bump_stamp": it.position.0}),
            ),
            it => (&mut unsubscribed, json!({"bump_stamp": it.position.0})),
        };
        let threads = rooms.entry(change.room_id).or_default();
        threads.insert(change.root_id, shown);
    }
    let mut answer = json!({"subscribed": subscribed, "unsubscribed": unsubscribed});
    if let Some(last) = last.filter(|_| is_full) {
        answer["end"] = json!(format!("h{}", last - 1));
    }
    Ok(Json(answer))
}

fn position(token: Option<&str>, name: &str) -> Result<Option<Position>, ApiError> {
    let Some(token) = token else { return Ok(None) };
    let number = token.strip_prefix(['h', 's']).map(|rest| {
        let end = rest.find('_').unwrap_or(rest.len());
        rest[..end].parse::<i64>()
    });
    match number {
        Some(Ok(number)) if number >= 0 => Ok(Some(Position(number))),
        _ => Err(ApiError::invalid_param(format!("`{name}` is no token"))),
    }
}
