//! Registration, login and user-interactive authentication.

use serde_json::{Value, json};

use crate::call::{Call, v3};
use crate::client::TestClient;

/// The password of every user whom tests register.
pub const PASSWORD: &str = "correct horse battery staple";

impl TestClient {
    /// Registers a user through the dummy stage, as clients do it: first asks which stages there
    /// are, then completes them.
    pub async fn register(&self, localpart: &str) -> Self {
        let answer = self
            .register_with(json!({"username": localpart, "password": PASSWORD}))
            .await;
        self.with_session(&answer)
    }

    /// Registers with the given body, to which the authentication is added.
    ///
    /// # Panics
    /// When the server offers no flow that consists of the dummy stage.
    pub async fn register_with(&self, body: Value) -> Value {
        let register = v3(&["register"]);
        let asked = self.post(&register, body.clone()).anonymous().reply().await;
        assert_eq!(asked.status, 401, "{}", asked.json());
        let stages = asked.json();
        let dummy = json!({"stages": ["m.login.dummy"]});
        let flows = stages["flows"].as_array().cloned().unwrap_or_default();
        assert!(flows.contains(&dummy), "there is no dummy flow in {stages}");
        let mut body = body;
        body["auth"] = json!({"type": "m.login.dummy", "session": stages["session"]});
        self.post(&register, body).anonymous().await
    }

    /// Logs in with [`PASSWORD`], as a new device.
    pub async fn login(&self, user: &str) -> Self {
        let answer = self.login_with(user, PASSWORD, json!({})).await;
        self.with_session(&answer)
    }

    /// The login request with a password and further fields.
    #[track_caller]
    pub fn login_with(&self, user: &str, password: &str, more: Value) -> Call {
        let mut body = json!({
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": user},
            "password": password,
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        self.post(v3(&["login"]), body).anonymous()
    }

    /// The `auth` field that proves the password in a session of user-interactive
    /// authentication.
    #[must_use]
    pub fn password_auth(&self, stages: &Value) -> Value {
        json!({
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": self.id()},
            "password": PASSWORD,
            "session": stages["session"],
        })
    }
}
