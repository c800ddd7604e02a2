//! OpenID Connect: where the provider is, the way there and back. Specifications: OpenID Connect
//! Discovery 1.0, Core 1.0 section 3.1, RFC 7636 (PKCE), RFC 9207 (issuer in the answer).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use tokio::sync::Mutex;

use crate::id_token::{self, Doubt, Expected, Keys};
use crate::{Attempt, ClientSecret, SsoError, ask};

/// How long is believed what a provider says about itself, in milliseconds.
const KEPT_MS: u64 = 3_600_000;

/// How soon its keys are asked for again when a token names one that is not known, in milliseconds.
const KEYS_AGAIN_MS: u64 = 10_000;

/// What is asked for besides who somebody is. Longest answer of a code, in bytes.
const MAX_CODE_BYTES: usize = 4_096;

/// A provider of OpenID Connect.
#[derive(Clone, Debug)]
pub struct OpenIdSettings {
    /// Its issuer identifier, as it stands in its tokens.
    pub issuer: String,
    /// What it knows this server as.
    pub client_id: String,
    /// The secret that goes with it, where there is one.
    pub client_secret: Option<ClientSecret>,
    /// How the secret is shown; none: as the provider says.
    pub client_auth: Option<ClientAuth>,
    /// What is asked for; `openid` is always among it.
    pub scopes: Vec<String>,
    /// Whether the user-info endpoint is asked, too, for claims that are not in the ID token.
    pub user_info: bool,
    /// Where people log in, if the provider is not to be asked for it. All three go together.
    pub authorization_endpoint: Option<String>,
    /// Where codes are turned into tokens.
    pub token_endpoint: Option<String>,
    /// Its keys.
    pub jwks_uri: Option<String>,
    /// Where it tells about people.
    pub user_info_endpoint: Option<String>,
}

/// How this server shows its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// In a header (`client_secret_basic`).
    Basic,
    /// In the body (`client_secret_post`).
    Post,
}

/// What a provider says about itself.
#[derive(Clone, Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// What the token endpoint gives.
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

#[derive(Debug)]
pub(crate) struct OpenId {
    settings: OpenIdSettings,
    http: Client,
    metadata: Mutex<Option<(u64, Arc<Metadata>)>>,
    keys: Mutex<Option<(u64, Arc<Keys>)>>,
}

impl OpenId {
    pub(crate) fn new(settings: OpenIdSettings, http: Client) -> Self {
        Self {
            settings,
            http,
            metadata: Mutex::new(None),
            keys: Mutex::new(None),
        }
    }

    pub(crate) async fn begin(
        &self,
        attempt: &Attempt,
        callback: &str,
        now_ms: u64,
    ) -> Result<Url, SsoError> {
        let metadata = self.metadata(now_ms).await?;
        let mut url = address(&metadata.authorization_endpoint)?;
        let mut scopes = vec!["openid"];
        let more = self.settings.scopes.iter().map(String::as_str);
        scopes.extend(more.filter(|scope| *scope != "openid"));
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(attempt.verifier.as_bytes()));
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", callback)
            .append_pair("scope", &scopes.join(" "))
            .append_pair("state", &attempt.state)
            .append_pair("nonce", &attempt.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        Ok(url)
    }

    pub(crate) async fn finish(
        &self,
        code: &str,
        issuer: Option<&str>,
        attempt: &Attempt,
        callback: &str,
        now_ms: u64,
    ) -> Result<(String, Map<String, Value>), SsoError> {
        if issuer.is_some_and(|issuer| issuer != self.settings.issuer) {
            return Err(SsoError::NotValid("another issuer answered"));
        }
        if code.len() > MAX_CODE_BYTES {
            return Err(SsoError::TooLong);
        }
        let metadata = self.metadata(now_ms).await?;
        let tokens = self.tokens(&metadata, code, attempt, callback).await?;
        let mut claims = self.believe(&metadata, &tokens, attempt, now_ms).await?;
        let subject = claims.get("sub").and_then(Value::as_str);
        let subject = subject.ok_or(SsoError::NotValid("its subject"))?.to_owned();
        if self.settings.user_info {
            let more = self.user_info(&metadata, &tokens).await?;
            // Core 1.0, section 5.3.4: otherwise it is about somebody else.
            if more.get("sub").and_then(Value::as_str) != Some(&subject) {
                return Err(SsoError::NotValid("user info about somebody else"));
            }
            claims.extend(more);
        }
        Ok((subject, claims))
    }

    async fn tokens(
        &self,
        metadata: &Metadata,
        code: &str,
        attempt: &Attempt,
        callback: &str,
    ) -> Result<Tokens, SsoError> {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", callback),
            ("code_verifier", &attempt.verifier),
        ];
        let mut request = self.http.post(address(&metadata.token_endpoint)?);
        let client_id = &self.settings.client_id;
        match (&self.settings.client_secret, self.client_auth(metadata)) {
            (Some(secret), ClientAuth::Basic) => {
                // RFC 6749, section 2.3.1: both are form-encoded first.
                let (id, secret) = (form_encoded(client_id), form_encoded(secret.expose()));
                request = request.basic_auth(id, Some(secret));
            }
            (Some(secret), ClientAuth::Post) => {
                form.push(("client_id", client_id));
                form.push(("client_secret", secret.expose()));
            }
            (None, _) => form.push(("client_id", client_id)),
        }
        ask::json(request.form(&form)).await
    }

    fn client_auth(&self, metadata: &Metadata) -> ClientAuth {
        let offered = &metadata.token_endpoint_auth_methods_supported;
        let offers = |method: &str| offered.iter().any(|it| it == method);
        let by_provider = if !offers("client_secret_basic") && offers("client_secret_post") {
            ClientAuth::Post
        } else {
            ClientAuth::Basic
        };
        self.settings.client_auth.unwrap_or(by_provider)
    }

    async fn believe(
        &self,
        metadata: &Metadata,
        tokens: &Tokens,
        attempt: &Attempt,
        now_ms: u64,
    ) -> Result<Map<String, Value>, SsoError> {
        let expected = Expected {
            issuer: &self.settings.issuer,
            client_id: &self.settings.client_id,
            nonce: &attempt.nonce,
            now_ms,
        };
        for oldest in [KEPT_MS, KEYS_AGAIN_MS] {
            let keys = self.keys(metadata, now_ms, oldest).await?;
            match id_token::read(&tokens.id_token, &keys, &expected) {
                Ok(claims) => return Ok(claims),
                Err(Doubt::NotValid(error)) => return Err(error),
                Err(Doubt::UnknownKey) => {}
            }
        }
        Err(SsoError::NotValid("its key"))
    }

    async fn user_info(
        &self,
        metadata: &Metadata,
        tokens: &Tokens,
    ) -> Result<Map<String, Value>, SsoError> {
        let endpoint = metadata.userinfo_endpoint.as_deref();
        let (Some(endpoint), Some(token)) = (endpoint, &tokens.access_token) else {
            return Err(SsoError::Nonsense("there is no user info".to_owned()));
        };
        ask::json(self.http.get(address(endpoint)?).bearer_auth(token)).await
    }

    async fn metadata(&self, now_ms: u64) -> Result<Arc<Metadata>, SsoError> {
        let settings = &self.settings;
        let given = (
            &settings.authorization_endpoint,
            &settings.token_endpoint,
            &settings.jwks_uri,
        );
        if let (Some(authorization), Some(token), Some(keys)) = given {
            return Ok(Arc::new(Metadata {
                issuer: settings.issuer.clone(),
                authorization_endpoint: authorization.clone(),
                token_endpoint: token.clone(),
                jwks_uri: keys.clone(),
                userinfo_endpoint: settings.user_info_endpoint.clone(),
                token_endpoint_auth_methods_supported: Vec::new(),
            }));
        }
        let mut kept = self.metadata.lock().await;
        if let Some((at, metadata)) = &*kept
            && now_ms.saturating_sub(*at) < KEPT_MS
        {
            return Ok(metadata.clone());
        }
        let issuer = settings.issuer.trim_end_matches('/');
        let url = address(&format!("{issuer}/.well-known/openid-configuration"))?;
        let found: Metadata = ask::json(self.http.get(url)).await?;
        if found.issuer != settings.issuer {
            return Err(SsoError::Nonsense("it is another issuer".to_owned()));
        }
        let found = Arc::new(found);
        *kept = Some((now_ms, found.clone()));
        Ok(found)
    }

    /// Its keys, asked for within the last `oldest` milliseconds.
    async fn keys(
        &self,
        metadata: &Metadata,
        now_ms: u64,
        oldest: u64,
    ) -> Result<Arc<Keys>, SsoError> {
        let mut kept = self.keys.lock().await;
        if let Some((at, keys)) = &*kept
            && now_ms.saturating_sub(*at) < oldest
        {
            return Ok(keys.clone());
        }
        let set: KeySet = ask::json(self.http.get(address(&metadata.jwks_uri)?)).await?;
        let keys = Arc::new(Keys::read(set.keys));
        *kept = Some((now_ms, keys.clone()));
        Ok(keys)
    }
}

fn address(text: &str) -> Result<Url, SsoError> {
    let url = Url::parse(text).map_err(|error| SsoError::Nonsense(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(SsoError::Nonsense(
            "an address of another scheme".to_owned(),
        ));
    }
    Ok(url)
}

fn form_encoded(text: &str) -> String {
    let mut url = Url::parse("http://localhost").expect("a URL");
    url.query_pairs_mut().append_key_only(text);
    url.query().unwrap_or_default().to_owned()
}
