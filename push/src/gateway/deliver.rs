//! One pusher's turn.

use std::time::Duration;

use causeway_outbound::{Method, Url, read_at_most};
use causeway_store::push::{self as store, DuePusher};
use causeway_store::{StoreError, users};
use serde::Deserialize;
use serde_json::Value;

use super::Courier;
use super::notice::Target;

/// Notifications of one turn; then others come first.
const PER_TURN: usize = 32;

/// Largest answer of a gateway that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// Age at which a notification is not sent any more, in milliseconds.
const MAX_AGE_MS: u64 = 24 * 60 * 60 * 1_000;

/// Time until the second attempt, which doubles with each that fails.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// Longest time between two attempts.
const LAST_RETRY: Duration = Duration::from_secs(60 * 60);

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The gateway answered.
    Well,
    /// It did not, or refused.
    Badly,
}

/// Why a gateway was not told.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the address cannot be requested")]
    Address,
    #[error("no answer: {0}")]
    Request(String),
    #[error("answered {0}")]
    Status(u16),
    #[error("the answer cannot be read")]
    Answer,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    rejected: Vec<String>,
}

/// Tells a pusher what waits for it.
pub(super) async fn turn(courier: &Courier, pusher: DuePusher) -> End {
    match tell_all(courier, &pusher).await {
        Ok(()) => End::Well,
        Err(failure) => {
            metrics::counter!("causeway_push_gateway_failures").increment(1);
            // Neither key nor address go to the log: both are secrets of the user.
            tracing::debug!(user = pusher.key.user, %failure, "a push gateway was not told");
            let retry_at_ms = courier.clock.now_ms() + pause(pusher.failures).as_millis() as u64;
            if let Err(error) = store::failed(&courier.store, &pusher.key, retry_at_ms).await {
                tracing::warn!(%error, "noting that a push gateway did not answer");
            }
            End::Badly
        }
    }
}

fn pause(failures: i32) -> Duration {
    let doubled = u32::try_from(failures.clamp(0, 16)).unwrap_or(0);
    FIRST_RETRY.saturating_mul(1 << doubled).min(LAST_RETRY)
}

async fn tell_all(courier: &Courier, pusher: &DuePusher) -> Result<(), Failure> {
    let target = Target::read(pusher).ok_or(Failure::Address)?;
    let mut told_unread = pusher.told_unread;
    for _ in 0..PER_TURN {
        let Some(queued) = store::next_queued(&courier.store, &pusher.key).await? else {
            return tell_unread(courier, pusher, &target, told_unread).await;
        };
        let came_ms = u64::try_from(queued.origin_ts).unwrap_or(0);
        let is_old = courier.clock.now_ms().saturating_sub(came_ms) > MAX_AGE_MS;
        let unread = store::unread_total(&courier.store, &pusher.key.user).await?;
        let notice = target.about(pusher, &queued, unread).filter(|_| !is_old);
        let Some(notice) = notice else {
            store::delivered(&courier.store, &pusher.key, queued.position, None).await?;
            continue;
        };
        if send(courier, pusher, &target, &notice).await? {
            return Ok(());
        }
        store::delivered(&courier.store, &pusher.key, queued.position, Some(unread)).await?;
        told_unread = unread;
        metrics::counter!("causeway_push_notifications").increment(1);
    }
    // More waits: it stays due.
    Ok(())
}

/// Everything was told but, perhaps, how much is unread by now.
async fn tell_unread(
    courier: &Courier,
    pusher: &DuePusher,
    target: &Target,
    told_unread: i64,
) -> Result<(), Failure> {
    let unread = store::unread_total(&courier.store, &pusher.key.user).await?;
    if unread != told_unread && send(courier, pusher, target, &target.badge(pusher, unread)).await?
    {
        return Ok(());
    }
    store::settled(&courier.store, &pusher.key, pusher.due, unread).await?;
    Ok(())
}

/// Sends a notice. Gives whether the gateway rejected the pusher, which is gone then.
async fn send(
    courier: &Courier,
    pusher: &DuePusher,
    target: &Target,
    notice: &Value,
) -> Result<bool, Failure> {
    let url = Url::parse(&target.url).map_err(|_| Failure::Address)?;
    let request = courier.outbound.request(Method::POST, url);
    let request = request.map_err(|_| Failure::Address)?.json(notice);
    let response = request.send().await;
    // The error would name the address.
    let response = response.map_err(|error| Failure::Request(error.without_url().to_string()))?;
    let status = response.status();
    if !status.is_success() {
        return Err(Failure::Status(status.as_u16()));
    }
    let body = read_at_most(response, MAX_ANSWER).await;
    let body = body.map_err(|_| Failure::Answer)?;
    let answer: Answer = serde_json::from_slice(&body).unwrap_or(Answer {
        rejected: Vec::new(),
    });
    // A gateway speaks for the keys that it was asked about, and no others.
    let is_rejected = answer.rejected.contains(&pusher.key.pushkey);
    if is_rejected {
        let key = &pusher.key;
        users::pushers::delete(&courier.store, &key.user, &key.app_id, &key.pushkey).await?;
        metrics::counter!("causeway_push_rejected").increment(1);
    }
    Ok(is_rejected)
}

#[cfg(test)]
#[path = "deliver_test.rs"]
mod deliver_test;
