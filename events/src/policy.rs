//! Policy servers: whom a room lets look at events before they are sent (client-server and server-server,
//! "Policy Servers").

use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue, redact_in_place};
use ruma::signatures::to_canonical_json_string_for_signing;
use ruma::{OwnedServerName, ServerName};
use serde::Deserialize;

use crate::Pdu;
use crate::signed::{base64_bytes, verifies};

/// The type of the state event that names a room's policy server.
pub const POLICY_TYPE: &str = "m.room.policy";

/// The id of the key with which policy servers sign.
pub const POLICY_KEY_ID: &str = "ed25519:policy_server";

/// A room's policy server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyServer {
    /// Its name.
    pub via: OwnedServerName,
    key: [u8; 32],
}

impl PolicyServer {
    /// What an `m.room.policy` says; `None` if it is not as it should be: then there is none.
    #[must_use]
    pub fn read(event: &Pdu) -> Option<Self> {
        #[derive(Deserialize)]
        struct Content {
            via: OwnedServerName,
            public_keys: Keys,
        }
        #[derive(Deserialize)]
        struct Keys {
            ed25519: String,
        }
        let content: Content = event.content_as().ok()?;
        let key = base64_bytes(&content.public_keys.ed25519)?;
        Some(Self {
            via: content.via,
            key: key.try_into().ok()?,
        })
    }

    /// Whether an event bears its signature.
    #[must_use]
    pub fn has_signed(&self, event: &Pdu) -> bool {
        let mut object = event.to_object();
        let Some(signature) = signature_of(&object, &self.via) else {
            return false;
        };
        let rules = event.version().rules();
        if redact_in_place(&mut object, &rules.redaction, None).is_err() {
            return false;
        }
        to_canonical_json_string_for_signing(&object)
            .is_ok_and(|text| verifies(&self.key, &signature, text.as_bytes()))
    }
}

/// Whether policy servers are asked about an event: about all but the one that says who they are.
#[must_use]
pub fn is_policed(event: &Pdu) -> bool {
    !event.is_state(POLICY_TYPE, "")
}

/// The event with a policy server's signature (unpadded Base64) beside those that it has; `None` if that
/// makes no event.
#[must_use]
pub fn with_signature(event: &Pdu, server: &ServerName, signature: &str) -> Option<Pdu> {
    let mut object = event.to_object();
    let empty = || CanonicalJsonValue::Object(CanonicalJsonObject::new());
    let all = object.entry("signatures".to_owned()).or_insert_with(empty);
    let CanonicalJsonValue::Object(all) = all else {
        return None;
    };
    let own = all.entry(server.to_string()).or_insert_with(empty);
    let CanonicalJsonValue::Object(own) = own else {
        return None;
    };
    own.insert(POLICY_KEY_ID.to_owned(), signature.to_owned().into());
    let json = serde_json::to_string(&object).ok()?;
    Pdu::from_stored(event.version(), event.owned_event_id().clone(), json).ok()
}

fn signature_of(object: &CanonicalJsonObject, server: &ServerName) -> Option<Vec<u8>> {
    let all = object.get("signatures")?.as_object()?;
    let own = all.get(server.as_str())?.as_object()?;
    base64_bytes(own.get(POLICY_KEY_ID)?.as_str()?)
}

#[cfg(test)]
#[path = "policy_test.rs"]
mod policy_test;
