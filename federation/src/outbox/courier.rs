//! One server's turn.

use causeway_store::Position;
use causeway_store::outbox::{self as store, Item};
use ruma::ServerName;

use super::Outbox;
use super::board::Task;
use super::moments::Moments;
use super::transaction::{self, Transaction};
use crate::links::{LinkError, Standing};

/// Events that are looked up at once for a server that was behind.
const CATCH_UP: i64 = 200;

/// Why a turn ended early.
enum Trouble {
    Link(LinkError),
    Store(causeway_store::StoreError),
    Stopping,
}

impl Outbox {
    /// Sends a server what it lacks, until it lacks nothing or fails.
    pub(super) async fn serve(&self, server: &ServerName) {
        loop {
            let task = self.0.board.lock().next(server, transaction::fitting);
            let done = match task {
                Task::Done => return,
                Task::Send(items, moments) => {
                    self.deliver(server, &items, moments).await.map(|()| None)
                }
                Task::CatchUp(after, up_to) => self.catch_up(server, after, up_to).await.map(Some),
            };
            let now_ms = self.0.clock.now_ms();
            match done {
                Ok(caught_up) => self.0.board.lock().succeed(server, now_ms, caught_up),
                Err(Trouble::Stopping) => return self.0.board.lock().put_back(server),
                Err(Trouble::Store(error)) => {
                    tracing::warn!(%error, %server, "looking up what a server lacks");
                    let reason = "this server's database did not answer".to_owned();
                    return self.0.board.lock().fail(server, now_ms, None, reason);
                }
                Err(Trouble::Link(error)) => return self.fail(server, now_ms, &error),
            }
        }
    }

    fn fail(&self, server: &ServerName, now_ms: u64, error: &LinkError) {
        let wait_ms = match error.standing() {
            Standing::Busy(wait) => wait.map(|it| u64::try_from(it.as_millis()).unwrap_or(0)),
            Standing::Answers | Standing::Down => None,
        };
        metrics::counter!("causeway_federation_transactions_total", "result" => "failed")
            .increment(1);
        tracing::info!(%server, %error, "a server does not take what it is sent");
        let mut board = self.0.board.lock();
        board.fail(server, now_ms, wait_ms, error.to_string());
    }

    async fn catch_up(
        &self,
        server: &ServerName,
        after: Position,
        up_to: Position,
    ) -> Result<Position, Trouble> {
        let ours = self.ours().as_str();
        let span = (after, up_to);
        let missed = store::load_missed(&self.0.store, ours, server.as_str(), span, CATCH_UP)
            .await
            .map_err(Trouble::Store)?;
        let mut rest = missed.items.into();
        while !std::collections::VecDeque::is_empty(&rest) {
            let count = transaction::fitting(&rest).max(1);
            let items: Vec<(Position, Item)> = rest.drain(..count).collect();
            self.deliver(server, &items, Moments::default()).await?;
        }
        Ok(missed.position)
    }

    async fn deliver(
        &self,
        server: &ServerName,
        items: &[(Position, Item)],
        moments: Moments,
    ) -> Result<(), Trouble> {
        let now_ms = self.0.clock.now_ms();
        let transaction = Transaction::of(&self.0.store, self.ours(), (items, &moments), now_ms)
            .await
            .map_err(Trouble::Store)?;
        let request = self.0.links.put(server, transaction.path());
        let request = request
            .json_text(&transaction.body)
            .map_err(Trouble::Link)?;
        tokio::select! {
            answer = request.send() => { answer.map_err(Trouble::Link)?; }
            () = self.0.stop.cancelled() => return Err(Trouble::Stopping),
        }
        metrics::counter!("causeway_federation_transactions_total", "result" => "sent")
            .increment(1);
        if let Some(last) = transaction.last_message {
            store::delete_to_device(&self.0.store, server.as_str(), last)
                .await
                .map_err(Trouble::Store)?;
        }
        Ok(())
    }
}
