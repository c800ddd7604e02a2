//! Identity servers, which know whose an address is: asked where a client names one, with the client's
//! token. Specification: identity service API, "Association lookup" and "Invitation storage".
//!
//! Laws:
//! - a client names the server, so requests go through `outbound`, by HTTPS, and answers are bounded;
//! - an address is looked up by its hash only; it is sent as it is only for an invite that is to wait.
//!
//! Start reading at [`IdentityServers::lookup`].

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_outbound::{BodyError, Outbound, Refused, read_at_most};
use reqwest::{Method, Url};
use ruma::{OwnedUserId, RoomId, ServerName, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Longest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 65_536;

/// Longest token of an invite (it becomes a state key), in bytes.
const MAX_TOKEN_BYTES: usize = 255;

/// Keys of one invite at most, and the longest of their texts, in bytes.
const MAX_KEYS: usize = 10;
const MAX_TEXT_BYTES: usize = 1_024;

/// Longest address, in bytes.
const MAX_ADDRESS_BYTES: usize = 254;

/// Why an identity server gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// This names no server, or no address.
    #[error("id_server or address is not valid")]
    BadName,
    /// The server may not be asked.
    #[error("the identity server may not be reached: {0}")]
    Refused(#[from] Refused),
    /// It is not reached.
    #[error("the identity server is not reached")]
    Unreachable(#[source] reqwest::Error),
    /// Its answer is too long, or breaks off.
    #[error("the identity server's answer: {0}")]
    Body(#[from] BodyError),
    /// It does not do it.
    #[error("the identity server answers {status} {errcode}")]
    Denied {
        /// Its status.
        status: u16,
        /// Its error code.
        errcode: String,
    },
    /// Its answer makes no sense.
    #[error("the identity server's answer makes no sense")]
    Nonsense,
}

/// An identity server as a client names it.
#[derive(Clone, Copy)]
pub struct Named<'a> {
    /// Host, perhaps with a port.
    pub server: &'a str,
    /// The client's token there.
    pub access_token: &'a str,
}

/// An address of some medium.
#[derive(Clone, Copy)]
pub struct ThirdPartyId<'a> {
    /// As in `email`.
    pub medium: &'a str,
    /// The address.
    pub address: &'a str,
}

/// An invite that waits for somebody to prove an address.
#[derive(Clone, Debug)]
pub struct StoredInvite {
    /// What names it: the state key of `m.room.third_party_invite`.
    pub token: String,
    /// The content of that event.
    pub content: Value,
}

/// Asks identity servers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct IdentityServers(Outbound);

#[derive(Deserialize)]
struct HashDetails {
    algorithms: Vec<String>,
    lookup_pepper: String,
}

#[derive(Deserialize)]
struct Mappings {
    /// Some servers name what they do not know with `null`.
    mappings: std::collections::BTreeMap<String, Option<String>>,
}

#[derive(Deserialize)]
struct Stored {
    token: String,
    public_keys: Vec<PublicKey>,
    display_name: String,
}

#[derive(Deserialize)]
struct Bound {
    mxid: String,
}

#[derive(Deserialize, Serialize)]
struct PublicKey {
    public_key: String,
    key_validity_url: String,
}

impl IdentityServers {
    /// Asks through `outbound`.
    pub fn new(outbound: Outbound) -> Self {
        Self(outbound)
    }

    /// The user who has an address, if the server knows one.
    ///
    /// # Errors
    /// [`IdentityError`] says why it gave no answer.
    pub async fn lookup(
        &self,
        at: Named<'_>,
        id: ThirdPartyId<'_>,
    ) -> Result<Option<OwnedUserId>, IdentityError> {
        if id.address.is_empty() || id.address.len() > MAX_ADDRESS_BYTES {
            return Err(IdentityError::BadName);
        }
        let details = self.ask(at, Method::GET, "hash_details", None).await?;
        let details: HashDetails = sense(details)?;
        if !details.algorithms.iter().any(|name| name == "sha256") {
            return Err(IdentityError::Nonsense);
        }
        let text = format!("{} {} {}", id.address, id.medium, details.lookup_pepper);
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()));
        let body = json!({
            "addresses": [hash],
            "algorithm": "sha256",
            "pepper": details.lookup_pepper,
        });
        let found = self.ask(at, Method::POST, "lookup", Some(body)).await?;
        let found: Mappings = sense(found)?;
        let user = found.mappings.get(&hash).and_then(Option::as_deref);
        user.map(|user| UserId::parse(user).map_err(|_| IdentityError::Nonsense))
            .transpose()
    }

    /// Has the server keep an invite for who proves the address, and tell them.
    ///
    /// # Errors
    /// As [`Self::lookup`].
    pub async fn store_invite(
        &self,
        at: Named<'_>,
        id: ThirdPartyId<'_>,
        room: &RoomId,
        sender: &UserId,
    ) -> Result<StoredInvite, IdentityError> {
        let body = json!({
            "medium": id.medium,
            "address": id.address,
            "room_id": room,
            "sender": sender,
        });
        let stored = self
            .ask(at, Method::POST, "store-invite", Some(body))
            .await?;
        let stored: Stored = sense(stored)?;
        let fits = |text: &str, most: usize| !text.is_empty() && text.len() <= most;
        let keys_fit = stored.public_keys.iter().all(|key| {
            fits(&key.public_key, MAX_TEXT_BYTES) && fits(&key.key_validity_url, MAX_TEXT_BYTES)
        });
        let first = stored.public_keys.first().filter(|_| {
            keys_fit
                && stored.public_keys.len() <= MAX_KEYS
                && fits(&stored.token, MAX_TOKEN_BYTES)
                && stored.display_name.len() <= MAX_TEXT_BYTES
        });
        let first = first.ok_or(IdentityError::Nonsense)?;
        let content = json!({
            "display_name": stored.display_name,
            "key_validity_url": first.key_validity_url,
            "public_key": first.public_key,
            "public_keys": stored.public_keys,
        });
        Ok(StoredInvite {
            token: stored.token,
            content,
        })
    }

    /// Has the server tell others from now on that an address is this user's. The client has proved
    /// to it that the address is theirs: `sid` and `client_secret` name that proof.
    ///
    /// # Errors
    /// As [`Self::lookup`].
    pub async fn bind(
        &self,
        at: Named<'_>,
        sid: &str,
        client_secret: &str,
        user: &UserId,
    ) -> Result<(), IdentityError> {
        let body = json!({ "sid": sid, "client_secret": client_secret, "mxid": user });
        let bound = self.ask(at, Method::POST, "3pid/bind", Some(body)).await?;
        let bound: Bound = sense(bound)?;
        if bound.mxid == user.as_str() {
            Ok(())
        } else {
            Err(IdentityError::Nonsense)
        }
    }

    async fn ask(
        &self,
        at: Named<'_>,
        method: Method,
        what: &str,
        body: Option<Value>,
    ) -> Result<Value, IdentityError> {
        // So that what a client names is a host, and no path or user name.
        let server = <&ServerName>::try_from(at.server).map_err(|_| IdentityError::BadName)?;
        let url = format!("https://{server}/_matrix/identity/v2/{what}");
        let url: Url = url.parse().map_err(|_| IdentityError::BadName)?;
        let mut request = self.0.request(method, url)?.bearer_auth(at.access_token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.map_err(IdentityError::Unreachable)?;
        let status = response.status().as_u16();
        let bytes = read_at_most(response, MAX_ANSWER_BYTES).await?;
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status == 200 {
            return Ok(answer);
        }
        let code = answer["errcode"].as_str().unwrap_or_default();
        Err(IdentityError::Denied {
            status,
            errcode: code.chars().take(64).collect(),
        })
    }
}

fn sense<T: for<'a> Deserialize<'a>>(answer: Value) -> Result<T, IdentityError> {
    serde_json::from_value(answer).map_err(|_| IdentityError::Nonsense)
}
