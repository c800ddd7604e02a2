//! Following `/sync` from token to token, and reading its answers.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::call::{Call, v3};
use crate::client::TestClient;

/// How long a test waits for something to appear in `/sync` before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// The long-poll of one waiting round.
const POLL_MS: u64 = 2_000;

/// A device that syncs: it remembers the token between rounds.
#[derive(Clone)]
pub struct Reader {
    client: TestClient,
    since: Option<String>,
    parameters: Vec<(String, String)>,
}

impl Reader {
    /// The token that the next round starts from.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.since.as_deref()
    }

    /// Goes back (or on) to another token.
    pub fn set_token(&mut self, token: &str) {
        self.since = Some(token.to_owned());
    }

    /// Adds a query parameter to every round.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.parameters.push((name.to_owned(), value.to_string()));
        self
    }

    /// Adds a filter, as JSON in the query.
    #[must_use]
    pub fn with_filter(self, filter: &Value) -> Self {
        self.with("filter", filter)
    }

    /// The client who reads.
    #[must_use]
    pub fn client(&self) -> &TestClient {
        &self.client
    }

    /// The request of the next round.
    #[track_caller]
    pub fn call(&self, timeout_ms: u64) -> Call {
        let mut call = self.client.get(v3(&["sync"])).query("timeout", timeout_ms);
        for (name, value) in &self.parameters {
            call = call.query(name, value);
        }
        match &self.since {
            Some(since) => call.query("since", since),
            None => call,
        }
    }

    /// One round that does not wait.
    pub async fn now(&mut self) -> Value {
        self.round(0).await
    }

    /// One round that waits up to `timeout_ms` for news.
    pub async fn round(&mut self, timeout_ms: u64) -> Value {
        let answer = self.call(timeout_ms).await;
        self.since = answer["next_batch"].as_str().map(str::to_owned);
        answer
    }

    /// Syncs until an answer fits and gives that answer.
    ///
    /// # Panics
    /// When nothing fits in half a minute, with the last answer.
    pub async fn until(&mut self, what: &str, mut fits: impl FnMut(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.round(POLL_MS).await;
            if fits(&answer) {
                return answer;
            }
            assert!(
                Instant::now() < deadline,
                "sync never showed {what}; at last {answer}"
            );
        }
    }

    /// Syncs until an event of the room's timeline has this id and gives the answer.
    pub async fn until_event(&mut self, room: &str, event: &str) -> Value {
        self.until(event, |sync| {
            ids(timeline(sync, room)).contains(&event.to_owned())
        })
        .await
    }

    /// Asserts that nothing comes for this room within `ms`.
    pub async fn stays_quiet(&mut self, room: &str, ms: u64) {
        let answer = self.round(ms).await;
        for section in ["join", "invite", "leave", "knock"] {
            let shown = &answer["rooms"][section][room];
            assert!(shown.is_null(), "unexpected news in {section}: {shown}");
        }
    }
}

impl TestClient {
    /// A reader that starts with an initial sync.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader {
            client: self.clone(),
            since: None,
            parameters: Vec::new(),
        }
    }

    /// A reader that has seen everything up to now.
    pub async fn caught_up(&self) -> Reader {
        let mut reader = self.reader();
        reader.now().await;
        reader
    }
}

/// The room's part of the answer under `rooms.join`; null when it is not there.
#[must_use]
pub fn joined<'a>(sync: &'a Value, room: &str) -> &'a Value {
    &sync["rooms"]["join"][room]
}

/// The events of the timeline of a joined room.
#[must_use]
pub fn timeline<'a>(sync: &'a Value, room: &str) -> &'a [Value] {
    events(&joined(sync, room)["timeline"])
}

/// The events of the state section of a joined room.
#[must_use]
pub fn state_events<'a>(sync: &'a Value, room: &str) -> &'a [Value] {
    events(&joined(sync, room)["state"])
}

/// The events of the ephemeral section of a joined room.
#[must_use]
pub fn ephemeral<'a>(sync: &'a Value, room: &str) -> &'a [Value] {
    events(&joined(sync, room)["ephemeral"])
}

/// The `events` of any section; none when the section is not there.
#[must_use]
pub fn events(section: &Value) -> &[Value] {
    section["events"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// The event ids, in order.
#[must_use]
pub fn ids(events: &[Value]) -> Vec<String> {
    events
        .iter()
        .filter_map(|event| event["event_id"].as_str())
        .map(str::to_owned)
        .collect()
}

/// The message texts, in order, of those events that have one.
#[must_use]
pub fn bodies(events: &[Value]) -> Vec<String> {
    let body = |event: &Value| event["content"]["body"].as_str().map(str::to_owned);
    events.iter().filter_map(body).collect()
}

/// The first event of this type.
#[must_use]
pub fn of_type<'a>(events: &'a [Value], kind: &str) -> Option<&'a Value> {
    events.iter().find(|event| event["type"] == kind)
}

/// The first event of this type and state key.
#[must_use]
pub fn of_state<'a>(events: &'a [Value], kind: &str, key: &str) -> Option<&'a Value> {
    events
        .iter()
        .find(|event| event["type"] == kind && event["state_key"] == key)
}
