//! What others see of the server: does its public address answer, and do the well-known
//! documents lead there?

use serde_json::Value;

use super::{Finding, PATIENCE};
use crate::config::{Listen, Settings};

/// Longest answer that is looked at, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

pub(super) async fn look(settings: &Settings) -> Vec<Finding> {
    let client = match reqwest::Client::builder().timeout(PATIENCE).build() {
        Ok(client) => client,
        Err(error) => {
            let way_out = "look at the certificates of this system (package ca-certificates)";
            return vec![Finding::fail("reachability", error.to_string(), way_out)];
        }
    };
    let mut findings = vec![look_at_versions(&client, settings).await];
    if settings.server.name.host() == "localhost" {
        findings.push(Finding::ok("well-known", "not needed for localhost"));
    } else {
        findings.push(look_at_client_document(&client, settings).await);
        findings.push(look_at_server_document(&client, settings).await);
    }
    findings
}

async fn look_at_versions(client: &reqwest::Client, settings: &Settings) -> Finding {
    let subject = "reachability";
    let base = settings.public_base_url();
    let url = format!("{base}/_matrix/client/versions");
    match get_json(client, &url).await {
        Ok(answer) if answer["versions"].is_array() => {
            Finding::ok(subject, format!("clients reach a Matrix server at {base}"))
        }
        Ok(_) => {
            let text = format!("{url} answers, but not as a Matrix server");
            Finding::fail(
                subject,
                text,
                "let the reverse proxy pass /_matrix on to this server",
            )
        }
        Err(_) if !listens(&settings.listen).await => Finding::warn(
            subject,
            format!("no server listens, so whether {base} leads to it cannot be told"),
            "start the server and ask again",
        ),
        Err(error) => {
            let way_out = "look at name, TLS and reverse proxy, or correct \
                           server.public_base_url. From other networks it may look different";
            Finding::fail(subject, format!("{url}: {error}"), way_out)
        }
    }
}

/// Whether somebody accepts connections where the server would.
async fn listens(listen: &Listen) -> bool {
    for address in listen.plain_address.iter().chain(&listen.tls_address) {
        let attempt = tokio::net::TcpStream::connect(address.as_str());
        if let Ok(Ok(_)) = tokio::time::timeout(PATIENCE, attempt).await {
            return true;
        }
    }
    false
}

async fn look_at_client_document(client: &reqwest::Client, settings: &Settings) -> Finding {
    let subject = "well-known";
    let name = &settings.server.name;
    let base = settings.public_base_url();
    let url = format!("https://{name}/.well-known/matrix/client");
    let way_out = format!(
        "serve {{\"m.homeserver\": {{\"base_url\": \"{base}\"}}}} there, or pass it on to this \
         server; without it users have to type {base}"
    );
    match get_json(client, &url).await {
        Ok(answer) => match answer["m.homeserver"]["base_url"].as_str() {
            Some(found) if found.trim_end_matches('/') == base => {
                Finding::ok(subject, format!("{url} leads to {base}"))
            }
            Some(found) => {
                let text = format!("{url} leads to {found}, and this server is at {base}");
                Finding::fail(subject, text, "correct one of the two")
            }
            None => Finding::warn(subject, format!("{url} names no server"), way_out),
        },
        Err(error) => Finding::warn(subject, format!("{url}: {error}"), way_out),
    }
}

async fn look_at_server_document(client: &reqwest::Client, settings: &Settings) -> Finding {
    let subject = "well-known";
    let url = format!("https://{}/.well-known/matrix/server", settings.server.name);
    match (get_json(client, &url).await, &settings.well_known.server) {
        (Ok(answer), wanted) => match (answer["m.server"].as_str(), wanted) {
            (Some(found), Some(wanted)) if found != wanted => {
                let text = format!("{url} names {found}, and well_known.server is {wanted}");
                Finding::fail(subject, text, "correct one of the two")
            }
            (Some(found), _) => Finding::ok(subject, format!("{url} names {found}")),
            (None, _) => Finding::warn(subject, format!("{url} names no server"), "correct it"),
        },
        (Err(error), Some(wanted)) => {
            let way_out = format!("serve {{\"m.server\": \"{wanted}\"}} there");
            Finding::warn(subject, format!("{url}: {error}"), way_out)
        }
        (Err(_), None) => Finding::ok(
            subject,
            "no server document: other servers will ask port 8448",
        ),
    }
}

async fn get_json(client: &reqwest::Client, url: &str) -> anyhow::Result<Value> {
    let mut response = client.get(url).send().await.map_err(with_cause)?;
    if !response.status().is_success() {
        anyhow::bail!("answers {}", response.status());
    }
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(with_cause)? {
        body.extend_from_slice(&piece);
        if body.len() > MAX_ANSWER_BYTES {
            anyhow::bail!("answers with a large document");
        }
    }
    serde_json::from_slice(&body).map_err(|_| anyhow::anyhow!("answers with no JSON"))
}

/// The innermost cause, which says more than "error sending request".
fn with_cause(error: reqwest::Error) -> anyhow::Error {
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    anyhow::anyhow!("{cause}")
}
