//! Keys that sign, as devices and users have them.

use causeway_testkit::TestClient;
use ruma::CanonicalJsonObject;
use ruma::serde::Base64;
use ruma::serde::base64::Standard;
use ruma::signatures::{Ed25519KeyPair, sign_json};
use serde_json::{Value, json};

/// A key pair with its name, what comes after `ed25519:`.
pub struct Signer {
    pair: Ed25519KeyPair,
    pub public: String,
}

impl Signer {
    /// A key that is called by itself, as cross-signing keys are.
    pub fn new() -> Self {
        Self::of(None)
    }

    /// The key of a device.
    pub fn of_device(device: &str) -> Self {
        Self::of(Some(device))
    }

    fn of(name: Option<&str>) -> Self {
        let secret = Ed25519KeyPair::generate();
        let read = |name: &str| Ed25519KeyPair::from_der(&secret, name.to_owned()).expect("a key");
        let public = Base64::<Standard, _>::new(read("").public_key()).encode();
        Self {
            pair: read(name.unwrap_or(&public)),
            public,
        }
    }

    /// The object with a signature by this key.
    pub fn sign(&self, user: &str, object: &Value) -> Value {
        let mut object: CanonicalJsonObject =
            serde_json::from_value(object.clone()).expect("canonical JSON");
        sign_json(user, &self.pair, &mut object).expect("a signature");
        serde_json::to_value(object).expect("JSON")
    }

    /// Its name in signatures.
    pub fn name(&self) -> String {
        format!("ed25519:{}", self.pair.version())
    }

    /// The object that publishes it as a cross-signing key.
    pub fn as_key(&self, user: &str, usage: &str) -> Value {
        let mut keys = json!({});
        keys[self.name()] = self.public.as_str().into();
        json!({"user_id": user, "usage": [usage], "keys": keys})
    }

    /// The identity keys of a client's device, whose key this is, signed by it.
    pub fn as_device(&self, who: &TestClient) -> Value {
        let mut keys = json!({});
        keys[self.name()] = self.public.as_str().into();
        keys[format!("curve25519:{}", who.device_id())] = "curve".into();
        let object = json!({
            "user_id": who.id(),
            "device_id": who.device_id(),
            "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
            "keys": keys,
        });
        self.sign(who.id(), &object)
    }
}
