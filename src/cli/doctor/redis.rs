//! Redis, where one is named.

use super::{ClockDifference, Finding, PATIENCE};
use crate::config::Settings;

const SUBJECT: &str = "redis";

pub(super) async fn look(settings: &Settings) -> (Vec<Finding>, Option<ClockDifference>) {
    let Some(url) = &settings.redis.url else {
        let text = "not configured: this process is the only node";
        return (vec![Finding::ok(SUBJECT, text)], None);
    };
    let look = async {
        let client = redis::Client::open(url.expose())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let (seconds, micros): (i64, i64) = redis::cmd("TIME").query_async(&mut connection).await?;
        Ok::<_, redis::RedisError>(ClockDifference::to(seconds * 1_000 + micros / 1_000))
    };
    let way_out = "start it, or correct redis.url";
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(Ok(difference)) => (vec![Finding::ok(SUBJECT, "answers")], Some(difference)),
        Ok(Err(error)) => (
            vec![Finding::fail(SUBJECT, error.to_string(), way_out)],
            None,
        ),
        Err(_) => {
            let text = format!("no answer in {} s", PATIENCE.as_secs());
            (vec![Finding::fail(SUBJECT, text, way_out)], None)
        }
    }
}
