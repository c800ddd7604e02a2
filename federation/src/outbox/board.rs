//! Which server lacks what.

use std::collections::{HashMap, VecDeque};

use causeway_store::Position;
use causeway_store::outbox::{Destination, Item};
use ruma::{OwnedServerName, ServerName};

use super::moments::Moments;

/// Things that one server's queue holds; a slower server is behind, and looked after from the tables.
const MAX_QUEUE: usize = 1_000;

/// Time after a first failure, and at most, in milliseconds.
const FIRST_PAUSE_MS: u64 = 2_000;
const LONGEST_PAUSE_MS: u64 = 6 * 3_600_000;

#[derive(Default)]
struct Server {
    queue: VecDeque<(Position, Item)>,
    /// What goes along with the next transaction, if that comes to be.
    moments: Moments,
    /// A courier is on the way.
    is_served: bool,
    /// The first position of what the courier has.
    under_way: Option<Position>,
    behind_from: Option<Position>,
    /// What is new about it that the database does not know yet.
    is_unwritten: bool,
    failures: u32,
    failing_since_ms: u64,
    next_try_ms: u64,
    last_success_ms: Option<u64>,
    reason: String,
}

/// See the module.
pub(super) struct Board {
    /// Everything up to here was posted.
    pub(super) position: Position,
    servers: HashMap<OwnedServerName, Server>,
}

impl Board {
    pub(super) fn new(position: Position, failing: Vec<Destination>) -> Self {
        let servers = failing.into_iter().filter_map(|it| {
            // Those that have caught up keep their row for operators alone.
            it.behind_from?;
            let server = Server {
                behind_from: it.behind_from,
                failures: u32::try_from(it.failures).unwrap_or(0),
                failing_since_ms: u64::try_from(it.failing_since_ms).unwrap_or(0),
                next_try_ms: u64::try_from(it.next_try_ms).unwrap_or(0),
                reason: it.reason,
                ..Server::default()
            };
            Some((it.server.try_into().ok()?, server))
        });
        Self {
            position,
            servers: servers.collect(),
        }
    }

    /// Puts things into the queues of those whom they are for.
    pub(super) fn post(
        &mut self,
        up_to: Position,
        items: Vec<(Position, Item, Vec<OwnedServerName>)>,
    ) {
        for (position, item, servers) in items {
            for name in servers {
                let server = self.servers.entry(name).or_default();
                if server.behind_from.is_some() {
                    continue;
                }
                server.queue.push_back((position, item.clone()));
                if server.queue.len() > MAX_QUEUE {
                    server.fall_behind();
                }
            }
        }
        self.position = up_to;
    }

    /// Lets what lives for a moment go along to servers that take what they are sent, or are to be
    /// tried again.
    pub(super) fn post_moments(
        &mut self,
        addressed: HashMap<OwnedServerName, Moments>,
        now_ms: u64,
    ) {
        for (name, moments) in addressed {
            let server = self.servers.entry(name).or_default();
            if server.behind_from.is_none() && server.next_try_ms <= now_ms {
                server.moments.add(moments);
            }
        }
    }

    /// Servers that have something to get now, and whether they failed the last time.
    pub(super) fn due(&self, now_ms: u64) -> Vec<(OwnedServerName, bool)> {
        let due = self.servers.iter().filter(|(_, server)| {
            let lacks = server.behind_from.is_some() || !server.has_nothing();
            lacks && !server.is_served && server.next_try_ms <= now_ms
        });
        due.map(|(name, server)| (name.clone(), server.failures > 0))
            .collect()
    }

    /// A courier takes a server; `false` if another one has it.
    pub(super) fn take_turn(&mut self, name: &ServerName) -> bool {
        match self.servers.get_mut(name) {
            Some(server) if !server.is_served => {
                server.is_served = true;
                true
            }
            _ => false,
        }
    }

    /// What a courier is to do next.
    pub(super) fn next(
        &mut self,
        name: &ServerName,
        take: impl Fn(&VecDeque<(Position, Item)>) -> usize,
    ) -> Task {
        let position = self.position;
        let Some(server) = self.servers.get_mut(name) else {
            return Task::Done;
        };
        if let Some(from) = server.behind_from {
            return Task::CatchUp(from, position);
        }
        if server.has_nothing() {
            server.is_served = false;
            if server.failures == 0 && !server.is_unwritten {
                self.servers.remove(name);
            }
            return Task::Done;
        }
        let count = take(&server.queue).max(1).min(server.queue.len());
        server.under_way = server.queue.front().map(|(position, _)| *position);
        let moments = std::mem::take(&mut server.moments);
        Task::Send(server.queue.drain(..count).collect(), moments)
    }

    /// A server has taken what it was sent. `caught_up` is where it is then, if it was behind.
    pub(super) fn succeed(&mut self, name: &ServerName, now_ms: u64, caught_up: Option<Position>) {
        let position = self.position;
        let Some(server) = self.servers.get_mut(name) else {
            return;
        };
        server.under_way = None;
        server.is_unwritten |= server.failures > 0;
        server.failures = 0;
        server.next_try_ms = 0;
        server.last_success_ms = Some(now_ms);
        if let Some(caught_up) = caught_up {
            // What is posted from now on is for its queue again.
            let is_here = caught_up >= position;
            server.behind_from = (!is_here).then_some(caught_up);
            server.is_unwritten = true;
        }
    }

    /// A server has not taken what it was sent.
    pub(super) fn fail(
        &mut self,
        name: &ServerName,
        now_ms: u64,
        wait_ms: Option<u64>,
        reason: String,
    ) {
        let Some(server) = self.servers.get_mut(name) else {
            return;
        };
        server.fall_behind();
        if server.failures == 0 {
            server.failing_since_ms = now_ms;
        }
        let doubled = FIRST_PAUSE_MS.saturating_mul(1 << server.failures.min(20));
        // Servers that failed together are not all tried again in the same moment.
        let spread = name
            .as_str()
            .bytes()
            .fold(0u64, |sum, byte| sum * 31 % 997 + u64::from(byte));
        let pause = doubled.min(LONGEST_PAUSE_MS);
        let pause = pause + pause / 4 * (spread % 100) / 100;
        server.failures += 1;
        server.next_try_ms = now_ms.saturating_add(wait_ms.unwrap_or(0).max(pause));
        server.reason = reason;
        server.is_served = false;
    }

    /// A courier stops before it has tried.
    pub(super) fn put_back(&mut self, name: &ServerName) {
        if let Some(server) = self.servers.get_mut(name) {
            server.is_served = false;
            if server.under_way.is_some() {
                server.fall_behind();
            }
        }
    }

    /// Lets a server that failed be tried now. `true` if that changes something.
    pub(super) fn hurry(&mut self, name: &ServerName) -> bool {
        match self.servers.get_mut(name) {
            Some(server) if server.failures > 0 && server.next_try_ms > 0 => {
                server.next_try_ms = 0;
                true
            }
            _ => false,
        }
    }

    /// All servers but those with a row of their own have what lies up to here.
    pub(super) fn floor(&self) -> Position {
        let lacking = self.servers.values().filter_map(|server| {
            if let Some(from) = server.behind_from {
                return server.is_unwritten.then_some(from);
            }
            let first = server.queue.front().map(|(position, _)| *position);
            let first = server.under_way.or(first)?;
            Some(Position(first.0 - 1))
        });
        lacking.min().unwrap_or(self.position).min(self.position)
    }

    /// What the database does not know yet.
    pub(super) fn unwritten(&self) -> Vec<Destination> {
        let unwritten = self
            .servers
            .iter()
            .filter(|(_, server)| server.is_unwritten);
        unwritten.map(|(name, server)| server.row(name)).collect()
    }

    /// The database knows this.
    pub(super) fn written(&mut self, row: &Destination) {
        let Ok(name) = <&ServerName>::try_from(row.server.as_str()) else {
            return;
        };
        if let Some(server) = self.servers.get_mut(name)
            && server.behind_from == row.behind_from
        {
            server.is_unwritten = false;
        }
    }

    /// How many servers failed the last time.
    pub(super) fn failing(&self) -> usize {
        let servers = self.servers.values();
        servers.filter(|server| server.failures > 0).count()
    }
}

/// What a courier is to do.
pub(super) enum Task {
    /// Send this.
    Send(Vec<(Position, Item)>, Moments),
    /// Look up and send what came after the first position, up to the second.
    CatchUp(Position, Position),
    /// Nothing; the turn is over.
    Done,
}

impl Server {
    fn has_nothing(&self) -> bool {
        self.queue.is_empty() && self.moments.is_empty()
    }

    /// What is not sent yet will be looked up.
    fn fall_behind(&mut self) {
        let first = self.queue.front().map(|(position, _)| *position);
        if self.behind_from.is_none()
            && let Some(first) = self.under_way.or(first)
        {
            self.behind_from = Some(Position(first.0 - 1));
        }
        self.is_unwritten = true;
        self.under_way = None;
        self.queue.clear();
        self.moments = Moments::default();
    }

    fn row(&self, name: &ServerName) -> Destination {
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        Destination {
            server: name.to_string(),
            behind_from: self.behind_from,
            failures: i32::try_from(self.failures).unwrap_or(i32::MAX),
            failing_since_ms: signed(self.failing_since_ms),
            next_try_ms: signed(self.next_try_ms),
            last_success_ms: self.last_success_ms.map(signed),
            reason: self.reason.clone(),
        }
    }
}

#[cfg(test)]
#[path = "board_test.rs"]
mod board_test;
