use std::time::Duration;

use ruma::server_name;

use super::*;

const SOON: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_servers_transactions_take_turns_and_others_do_not_wait() {
    let lanes = Lanes::new();
    let first = lanes.enter(server_name!("a.b")).await.unwrap();
    let second = lanes.enter(server_name!("a.b"));
    let mut second = std::pin::pin!(second);
    assert!(tokio::time::timeout(SOON, second.as_mut()).await.is_err());
    assert!(lanes.enter(server_name!("c.d")).await.is_ok());
    drop(first);
    assert!(second.await.is_ok());
    assert!(lanes.lanes.lock().is_empty(), "empty lanes go");
}

#[tokio::test]
async fn a_lane_has_few_places() {
    let lanes = Lanes::new();
    let server = server_name!("a.b");
    let turn = lanes.enter(server).await.unwrap();
    let mut waiting: Vec<_> = (1..MAX_OF_ONE)
        .map(|_| Box::pin(lanes.enter(server)))
        .collect();
    for one in &mut waiting {
        assert!(tokio::time::timeout(SOON, one.as_mut()).await.is_err());
    }
    assert!(lanes.enter(server).await.is_err());
    drop(waiting);
    drop(turn);
    assert!(
        lanes.enter(server).await.is_ok(),
        "who gave up takes no place"
    );
}
