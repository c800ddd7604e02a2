//! A small OpenID provider and a small CAS server, which lie when they are told to.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub const CLIENT_ID: &str = "causeway & co";
pub const SECRET: &str = "top secret+&";

/// Somebody who has logged in at the provider and is to be led back.
struct Granted {
    claims: Value,
    challenge: String,
    redirect_uri: String,
}

pub struct Provider {
    port: u16,
    key: EcdsaKeyPair,
    granted: Mutex<HashMap<String, Granted>>,
    /// How often a code was shown.
    pub shown: Mutex<usize>,
}

fn now_s() -> u64 {
    causeway_store::Clock::system().now_ms() / 1_000
}

/// What stands in the address that somebody is sent to.
pub fn query_of(address: &str) -> HashMap<String, String> {
    let url = reqwest::Url::parse(address).expect("an address");
    url.query_pairs().into_owned().collect()
}

impl Provider {
    pub async fn open() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port");
        let (rule, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let document = EcdsaKeyPair::generate_pkcs8(rule, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(rule, document.as_ref(), &random).expect("a key");
        let provider = Arc::new(Self {
            port: listener.local_addr().expect("an address").port(),
            key,
            granted: Mutex::default(),
            shown: Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .route("/cas/p3/serviceValidate", get(validate))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A table of settings for it, as an inline table.
    pub fn settings(&self, id: &str, more: &str) -> String {
        format!(
            "{{ id = \"{id}\", name = \"Provider <{id}>\", brand = \"example\", issuer = \"{}\", \
             client_id = \"{CLIENT_ID}\", client_secret = \"{SECRET}\"{more} }}",
            self.url()
        )
    }

    /// Somebody logs in who came by `address`. Gives their code. `lie` changes the claims.
    pub fn grant(&self, address: &str, subject: &str, lie: impl FnOnce(&mut Value)) -> String {
        assert!(
            address.starts_with(&format!("{}/authorize?", self.url())),
            "{address}"
        );
        let query = query_of(address);
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["client_id"], CLIENT_ID);
        assert_eq!(query["scope"], "openid profile");
        assert_eq!(query["code_challenge_method"], "S256");
        let mut claims = json!({
            "iss": self.url(), "aud": CLIENT_ID, "sub": subject, "nonce": query["nonce"],
            "iat": now_s(), "exp": now_s() + 300, "preferred_username": subject,
            "name": format!("The {subject}"),
        });
        lie(&mut claims);
        let mut granted = self.granted.lock();
        let code = format!("code {}", granted.len());
        let entry = Granted {
            claims,
            challenge: query["code_challenge"].clone(),
            redirect_uri: query["redirect_uri"].clone(),
        };
        granted.insert(code.clone(), entry);
        code
    }

    /// A ticket of the CAS server for who came by `address`.
    pub fn ticket(&self, address: &str, user: &str) -> String {
        assert!(
            address.starts_with(&format!("{}/cas/login?", self.url())),
            "{address}"
        );
        let entry = Granted {
            claims: json!({"user": user}),
            challenge: String::new(),
            redirect_uri: query_of(address)["service"].clone(),
        };
        let ticket = format!("ST-{user}");
        self.granted.lock().insert(ticket.clone(), entry);
        ticket
    }

    fn sign(&self, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json!({"alg": "ES256", "kid": "1", "typ": "JWT"});
        let message = format!("{}.{}", encode(&header), encode(claims));
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes());
        let signature = signature.expect("a signature");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

type Shared = State<Arc<Provider>>;

async fn discovery(State(provider): Shared) -> Json<Value> {
    let url = provider.url();
    Json(json!({
        "issuer": url, "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"), "jwks_uri": format!("{url}/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
    }))
}

async fn keys(State(provider): Shared) -> Json<Value> {
    let point = &provider.key.public_key().as_ref()[1..];
    let (x, y) = point.split_at(32);
    Json(json!({"keys": [{
        "kty": "EC", "crv": "P-256", "kid": "1", "use": "sig", "alg": "ES256",
        "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
    }]}))
}

/// Gives tokens for a code, once, to who began (PKCE) and knows the secret.
async fn token(
    State(provider): Shared,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    *provider.shown.lock() += 1;
    let encoded = STANDARD.encode("causeway+%26+co:top+secret%2B%26");
    assert_eq!(headers["authorization"], format!("Basic {encoded}"));
    let granted = provider.granted.lock().remove(&form["code"]);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    match granted {
        Some(it) if it.challenge == challenge && it.redirect_uri == form["redirect_uri"] => Json(
            json!({"id_token": provider.sign(&it.claims), "access_token": "a",
                        "token_type": "Bearer"}),
        )
        .into_response(),
        _ => {
            let body = Json(json!({"error": "invalid_grant"}));
            (StatusCode::BAD_REQUEST, body).into_response()
        }
    }
}

async fn validate(State(provider): Shared, Query(query): Query<HashMap<String, String>>) -> String {
    let granted = provider.granted.lock().remove(&query["ticket"]);
    let verdict = match granted {
        Some(it) if it.redirect_uri == query["service"] => {
            let user = it.claims["user"].as_str().unwrap_or_default();
            format!(
                "<cas:authenticationSuccess><cas:user>{user}</cas:user></cas:authenticationSuccess>"
            )
        }
        _ => "<cas:authenticationFailure code=\"INVALID_TICKET\"/>".to_owned(),
    };
    format!(
        "<cas:serviceResponse xmlns:cas=\"http://www.yale.edu/tp/cas\">{verdict}</cas:serviceResponse>"
    )
}
