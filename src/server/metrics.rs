//! Figures for Prometheus.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use subtle::ConstantTimeEq;

use super::state::AppState;
use crate::client::error::ApiError;
use crate::client::extract::ClientIp;
use crate::config::Secret;

/// Bounds of the buckets of request times, in seconds.
const SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// Bounds of the buckets of other figures, such as sizes of batches.
const COUNTS: &[f64] = &[
    1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0,
];

/// How often figures are gathered when nobody asks for them; until then each waits in memory.
const UPKEEP: Duration = Duration::from_secs(5);

/// Makes this process gather figures. Once per process, before anything is counted.
///
/// # Errors
/// If something gathers figures already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .set_buckets(COUNTS)?
        .install_recorder()
}

/// Gathers figures regularly, until it is dropped.
pub async fn keep_up(handle: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        handle.run_upkeep();
    }
}

/// Who may read the figures, and where they are.
#[derive(Clone)]
pub struct Figures {
    /// The figures of the process.
    pub handle: PrometheusHandle,
    /// What `Authorization: Bearer` must carry; absent: only this machine itself may ask.
    pub bearer_token: Option<Secret>,
}

/// Sets the figures that are looked up, not counted.
fn look_up(state: &AppState) {
    let pool = state.store.pool();
    let in_use = pool
        .size()
        .saturating_sub(u32::try_from(pool.num_idle()).unwrap_or(u32::MAX));
    metrics::gauge!("causeway_pool_connections", "state" => "idle").set(pool.num_idle() as f64);
    metrics::gauge!("causeway_pool_connections", "state" => "in_use").set(f64::from(in_use));
    metrics::gauge!("causeway_log_position").set(state.log.position().0 as f64);
    metrics::gauge!("causeway_log_queued").set(state.log.queued() as f64);
    metrics::gauge!("causeway_warm_rooms").set(state.rooms.warm() as f64);
}

/// `GET /metrics`, in Prometheus's text format. To others than those who may read it, it does not
/// exist.
pub async fn show(
    State(state): State<AppState>,
    ClientIp(client): ClientIp,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let figures = state
        .figures
        .as_ref()
        .ok_or_else(ApiError::unrecognized_path)?;
    let allowed = match &figures.bearer_token {
        Some(token) => headers
            .get(AUTHORIZATION)
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
            .is_some_and(|given| given.ct_eq(token.expose().as_bytes()).into()),
        None => client.is_loopback() && !headers.contains_key("x-forwarded-for"),
    };
    if !allowed {
        return Err(ApiError::unrecognized_path());
    }
    look_up(&state);
    let headers = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((headers, figures.handle.render()).into_response())
}
