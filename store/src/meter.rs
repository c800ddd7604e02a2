//! Counts the queries of a request and the time they took.
//!
//! The front door runs each request inside [`scope`]; every query of this crate goes through
//! [`timed`]. Outside a scope `timed` only runs the query.

use std::cell::Cell;
use std::future::Future;
use std::time::Instant;

/// What a request has asked of the database so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Queries.
    pub queries: u32,
    /// Time spent waiting for them, in microseconds.
    pub micros: u64,
}

tokio::task_local! {
    static METER: Cell<Spent>;
}

/// Runs `work` with a meter of its own and returns its output with what it spent.
pub async fn scope<F: Future>(work: F) -> (F::Output, Spent) {
    METER
        .scope(Cell::new(Spent::default()), async {
            let output = work.await;
            (output, METER.with(Cell::get))
        })
        .await
}

/// Runs one query and adds it to the meter of the current request, if there is one.
pub async fn timed<F: Future>(query: F) -> F::Output {
    let start = Instant::now();
    let output = query.await;
    let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
    add(Spent { queries: 1, micros });
    output
}

/// Runs `work` to its end even if the caller goes away; what it spends is the caller's.
pub async fn to_the_end<F>(work: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    match tokio::spawn(scope(work)).await {
        Ok((output, spent)) => {
            add(spent);
            output
        }
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime is going down, and with it the caller.
        Err(_) => std::future::pending().await,
    }
}

fn add(spent: Spent) {
    // Without a scope (background tasks) there is nobody to tell.
    let _ = METER.try_with(|meter| {
        let so_far = meter.get();
        meter.set(Spent {
            queries: so_far.queries.saturating_add(spent.queries),
            micros: so_far.micros.saturating_add(spent.micros),
        });
    });
}
