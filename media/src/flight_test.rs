use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::*;

#[tokio::test]
async fn work_is_done_once_and_survives_who_asked() {
    let flights = Flights::new(1);
    let (runs, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let work = || {
        let (runs, gate) = (runs.clone(), gate.clone());
        async move {
            let _ = gate.acquire().await;
            runs.fetch_add(1, Ordering::SeqCst) + 1
        }
    };
    let gone = tokio::time::timeout(Duration::from_millis(10), flights.join("a", work)).await;
    assert!(gone.is_err(), "the first goes away");
    assert_eq!(flights.join("b", work).await, Err(Grounded::Full));
    let (second, third, ()) =
        tokio::join!(flights.join("a", work), flights.join("a", work), async {
            tokio::task::yield_now().await;
            gate.add_permits(1);
        });
    assert_eq!((second, third), (Ok(1), Ok(1)));
    // What has landed makes room.
    while !flights.running.lock().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(flights.join("b", work).await, Ok(2));
}

#[tokio::test]
async fn a_crash_is_told_and_forgotten() {
    let flights = Flights::new(1);
    let crashed = flights.join(1, || async { panic!("on purpose") }).await;
    assert_eq!(crashed, Err::<(), _>(Grounded::Crashed));
    while !flights.running.lock().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(flights.join(1, || async {}).await, Ok(()));
}
