//! What people do in rooms, as one call each.

use std::future::{Future, IntoFuture};

use serde_json::{Value, json};

use crate::call::{Call, v3};
use crate::client::TestClient;

fn text_of(answer: &Value, field: &str) -> String {
    let text = answer[field].as_str();
    text.unwrap_or_else(|| panic!("there is no {field} in {answer}"))
        .to_owned()
}

impl TestClient {
    /// Creates a room and gives its id.
    #[track_caller]
    pub fn create_room(&self, body: Value) -> impl Future<Output = String> + use<> {
        let call = self.post(v3(&["createRoom"]), body);
        async move { text_of(&call.await, "room_id") }
    }

    /// Creates a room which everybody may join.
    #[track_caller]
    pub fn create_public_room(&self) -> impl Future<Output = String> + use<> {
        self.create_room(json!({"preset": "public_chat"}))
    }

    /// Joins by room id or alias.
    #[track_caller]
    pub fn join(&self, room: &str) -> Call {
        self.post(v3(&["join", room]), json!({}))
    }

    /// Knocks by room id or alias.
    #[track_caller]
    pub fn knock(&self, room: &str) -> Call {
        self.post(v3(&["knock", room]), json!({}))
    }

    /// Leaves a room, or rejects its invite.
    #[track_caller]
    pub fn leave(&self, room: &str) -> Call {
        self.post(v3(&["rooms", room, "leave"]), json!({}))
    }

    /// Forgets a room.
    #[track_caller]
    pub fn forget(&self, room: &str) -> Call {
        self.post(v3(&["rooms", room, "forget"]), json!({}))
    }

    /// Invites a user.
    #[track_caller]
    pub fn invite(&self, room: &str, user: &str) -> Call {
        self.post(v3(&["rooms", room, "invite"]), json!({"user_id": user}))
    }

    /// Removes a user from a room.
    #[track_caller]
    pub fn kick(&self, room: &str, user: &str) -> Call {
        self.post(
            v3(&["rooms", room, "kick"]),
            json!({"user_id": user, "reason": "because"}),
        )
    }

    /// Bans a user from a room.
    #[track_caller]
    pub fn ban(&self, room: &str, user: &str) -> Call {
        self.post(v3(&["rooms", room, "ban"]), json!({"user_id": user}))
    }

    /// Lifts a ban.
    #[track_caller]
    pub fn unban(&self, room: &str, user: &str) -> Call {
        self.post(v3(&["rooms", room, "unban"]), json!({"user_id": user}))
    }

    /// The request that sends an event.
    #[track_caller]
    pub fn send_event(&self, room: &str, kind: &str, content: Value) -> Call {
        self.put(
            v3(&["rooms", room, "send", kind, &self.transaction()]),
            content,
        )
    }

    /// Sends an event and gives its id.
    #[track_caller]
    pub fn send(
        &self,
        room: &str,
        kind: &str,
        content: Value,
    ) -> impl Future<Output = String> + use<> {
        let call = self.send_event(room, kind, content);
        async move { text_of(&call.await, "event_id") }
    }

    /// Sends a text message and gives its event id.
    #[track_caller]
    pub fn say(&self, room: &str, text: &str) -> impl Future<Output = String> + use<> {
        self.send(
            room,
            "m.room.message",
            json!({"msgtype": "m.text", "body": text}),
        )
    }

    /// Sends `count` numbered messages and gives their event ids in order.
    pub async fn say_many(&self, room: &str, count: usize) -> Vec<String> {
        let mut ids = Vec::with_capacity(count);
        for number in 0..count {
            ids.push(self.say(room, &format!("message {number}")).await);
        }
        ids
    }

    /// The request that sets state.
    #[track_caller]
    pub fn set_state(&self, room: &str, kind: &str, key: &str, content: Value) -> Call {
        self.put(v3(&["rooms", room, "state", kind, key]), content)
    }

    /// The request that reads the content of a piece of state.
    #[track_caller]
    pub fn state(&self, room: &str, kind: &str, key: &str) -> Call {
        self.get(v3(&["rooms", room, "state", kind, key]))
    }

    /// Redacts an event and gives the redaction's id.
    #[track_caller]
    pub fn redact(&self, room: &str, event: &str) -> impl Future<Output = String> + use<> {
        let path = v3(&["rooms", room, "redact", event, &self.transaction()]);
        let call = self.put(path, json!({"reason": "a mistake"}));
        async move { text_of(&call.await, "event_id") }
    }

    /// The request for one event.
    #[track_caller]
    pub fn event(&self, room: &str, event: &str) -> Call {
        self.get(v3(&["rooms", room, "event", event]))
    }

    /// The request for a page of history: direction `b` or `f`, `limit` events, from a token or
    /// from the end.
    #[track_caller]
    pub fn messages(&self, room: &str, dir: &str, from: Option<&str>, limit: usize) -> Call {
        let call = self.get(v3(&["rooms", room, "messages"])).query("dir", dir);
        let call = call.query("limit", limit);
        match from {
            Some(token) => call.query("from", token),
            None => call,
        }
    }

    /// Reads all of a room's history in one direction and gives it in the order of reading.
    #[track_caller]
    pub fn all_messages(
        &self,
        room: &str,
        dir: &str,
        page: usize,
    ) -> impl Future<Output = Vec<Value>> + use<> {
        let (client, room, dir) = (self.clone(), room.to_owned(), dir.to_owned());
        async move {
            let mut events = Vec::new();
            let mut from: Option<String> = None;
            for _ in 0..MAX_PAGES {
                let answer = client
                    .messages(&room, &dir, from.as_deref(), page)
                    .into_future()
                    .await;
                events.extend(answer["chunk"].as_array().cloned().unwrap_or_default());
                let Some(end) = answer["end"].as_str() else {
                    return events;
                };
                assert_ne!(from.as_deref(), Some(end), "the page token stands still");
                from = Some(end.to_owned());
            }
            panic!("the history of {room} does not end within {MAX_PAGES} pages")
        }
    }

    /// The content of the user's own or another's `m.room.member` event.
    #[track_caller]
    pub fn membership(&self, room: &str, user: &str) -> Call {
        self.state(room, "m.room.member", user)
    }
}

/// Most pages that [`TestClient::all_messages`] reads before it gives up.
const MAX_PAGES: usize = 1_000;
