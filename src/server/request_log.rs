//! One log line and one set of counts for each request.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use causeway_store::meter::Spent;
use http::{Method, StatusCode};
use metrics::{Counter, Gauge, Histogram};

use super::record::RequestRecord;

/// A request that is being answered. Dropped before it is finished, it counts as one whose client
/// has gone.
#[derive(Debug)]
pub struct Running {
    method: Method,
    record: Arc<RequestRecord>,
    started_at: Instant,
    in_flight: Gauge,
    finished: bool,
}

/// The figures of one endpoint, looked up when they are first needed: to find a figure by its
/// labels costs more than to count.
#[derive(Debug, Default)]
pub struct EndpointFigures {
    seconds: OnceLock<Histogram>,
    /// Requests of one method that got 200: nearly all.
    succeeded: OnceLock<(Method, Counter)>,
}

impl EndpointFigures {
    fn seconds(&self, path: &str) -> &Histogram {
        self.seconds.get_or_init(
            || metrics::histogram!("causeway_request_seconds", "path" => path.to_owned()),
        )
    }

    fn succeeded(&self, method: &Method, path: &str) -> Option<&Counter> {
        let counter = || (method.clone(), counter(method, path, "200".to_owned()));
        let (counted, counter) = self.succeeded.get_or_init(counter);
        (counted == method).then_some(counter)
    }
}

fn counter(method: &Method, path: &str, status: String) -> Counter {
    metrics::counter!(
        "causeway_requests_total",
        "method" => method_label(method),
        "path" => path.to_owned(),
        "status" => status,
    )
}

/// Requests that are being answered.
pub fn in_flight() -> Gauge {
    metrics::gauge!("causeway_requests_in_flight")
}

impl Running {
    /// Starts the clock of a request.
    pub fn start(method: Method, record: Arc<RequestRecord>, in_flight: Gauge) -> Self {
        in_flight.increment(1.0);
        Self {
            in_flight,
            method,
            record,
            started_at: Instant::now(),
            finished: false,
        }
    }

    /// The request is answered with `status`, and has cost `spent` in the database.
    pub fn finish(mut self, status: StatusCode, spent: Spent) {
        self.finished = true;
        let duration = self.started_at.elapsed();
        self.count(status, duration);
        tracing::info!(
            target: "causeway::request",
            method = self.method.as_str(),
            path = self.record.template(),
            status = status.as_u16(),
            user = self.record.user().map(tracing::field::display),
            room = self.record.room(),
            duration_ms = whole_us(duration),
            db_ms = spent.micros as f64 / 1000.0,
            queries = spent.queries,
            "request"
        );
    }

    fn count(&self, status: StatusCode, duration: Duration) {
        let path = self.record.template();
        let figures = self.record.figures();
        match figures {
            Some(figures) => figures.seconds(path).record(duration),
            None => metrics::histogram!("causeway_request_seconds", "path" => path.to_owned())
                .record(duration),
        }
        let known = figures.filter(|_| status == StatusCode::OK);
        match known.and_then(|figures| figures.succeeded(&self.method, path)) {
            Some(counter) => counter.increment(1),
            None => counter(&self.method, path, status.as_str().to_owned()).increment(1),
        }
    }
}

/// Milliseconds with three decimals.
fn whole_us(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

/// Methods are a stranger's choice; only known ones become labels.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "PATCH" => "PATCH",
        _ => "other",
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.in_flight.decrement(1.0);
        if !self.finished {
            let path = self.record.template();
            counter(&self.method, path, "gone".to_owned()).increment(1);
            tracing::info!(
                target: "causeway::request",
                method = self.method.as_str(),
                path = self.record.template(),
                user = self.record.user().map(tracing::field::display),
                room = self.record.room(),
                duration_ms = whole_us(self.started_at.elapsed()),
                "client gone"
            );
        }
    }
}
