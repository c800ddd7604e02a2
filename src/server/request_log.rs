//! One log line and one set of counts for each request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_store::meter::Spent;
use http::{Method, StatusCode};

use super::record::RequestRecord;

/// A request that is being answered. Dropped before it is finished, it counts as one whose client
/// has gone.
#[derive(Debug)]
pub struct Running {
    method: Method,
    record: Arc<RequestRecord>,
    started_at: Instant,
    finished: bool,
}

impl Running {
    /// Starts the clock of a request.
    pub fn start(method: Method, record: Arc<RequestRecord>) -> Self {
        metrics::gauge!("causeway_requests_in_flight").increment(1.0);
        Self {
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
        self.count(status.as_str().to_owned());
        metrics::histogram!("causeway_request_seconds", "path" => self.record.template().to_owned())
            .record(duration);
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

    fn count(&self, status: String) {
        metrics::counter!(
            "causeway_requests_total",
            "method" => method_label(&self.method),
            "path" => self.record.template().to_owned(),
            "status" => status,
        )
        .increment(1);
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
        metrics::gauge!("causeway_requests_in_flight").decrement(1.0);
        if !self.finished {
            self.count("gone".to_owned());
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
