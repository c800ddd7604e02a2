//! CAS. Specification: CAS Protocol 3.0, sections 2.1 (`/login`) and 2.5 to 2.8 (`/p3/serviceValidate`).

use reqwest::{Client, Url};
use roxmltree::{Document, Node, ParsingOptions};
use serde_json::{Map, Value};

use crate::{Attempt, SsoError, ask};

/// The namespace of its answers.
const NAMESPACE: &str = "http://www.yale.edu/tp/cas";

/// Longest ticket, in bytes; the protocol asks for 256 at most.
const MAX_TICKET_BYTES: usize = 1_024;

/// Most elements of an answer.
const MAX_NODES: u32 = 4_096;

#[derive(Debug)]
pub(crate) struct Cas {
    pub(crate) http: Client,
    pub(crate) server_url: String,
    pub(crate) validate_path: String,
}

impl Cas {
    pub(crate) fn begin(&self, attempt: &Attempt, callback: &str) -> Result<Url, SsoError> {
        let mut url = self.address("/login")?;
        let service = service(attempt, callback)?;
        url.query_pairs_mut().append_pair("service", &service);
        Ok(url)
    }

    pub(crate) async fn finish(
        &self,
        ticket: &str,
        attempt: &Attempt,
        callback: &str,
    ) -> Result<(String, Map<String, Value>), SsoError> {
        if ticket.len() > MAX_TICKET_BYTES {
            return Err(SsoError::TooLong);
        }
        let mut url = self.address(&self.validate_path)?;
        let service = service(attempt, callback)?;
        url.query_pairs_mut()
            .append_pair("service", &service)
            .append_pair("ticket", ticket);
        read(&ask::text(self.http.get(url)).await?)
    }

    fn address(&self, path: &str) -> Result<Url, SsoError> {
        let url = format!("{}{path}", self.server_url);
        Url::parse(&url).map_err(|error| SsoError::Nonsense(error.to_string()))
    }
}

/// The service that a ticket is for: the way back of this attempt and of no other.
fn service(attempt: &Attempt, callback: &str) -> Result<String, SsoError> {
    let url = Url::parse_with_params(callback, [("state", &attempt.state)]);
    let url = url.map_err(|error| SsoError::Nonsense(error.to_string()))?;
    Ok(url.into())
}

/// The user and the attributes of an answer. The user is a claim `user`, too.
pub(crate) fn read(xml: &str) -> Result<(String, Map<String, Value>), SsoError> {
    let nonsense = |what: &str| SsoError::Nonsense(what.to_owned());
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(xml, options);
    let document = document.map_err(|error| SsoError::Nonsense(error.to_string()))?;
    let root = document.root_element();
    if !is(&root, "serviceResponse") {
        return Err(nonsense("it is no serviceResponse"));
    }
    if let Some(failure) = child(&root, "authenticationFailure") {
        let code = failure.attribute("code").unwrap_or_default();
        let code: String = code
            .chars()
            .filter(char::is_ascii_graphic)
            .take(64)
            .collect();
        return Err(SsoError::Denied(code));
    }
    let success = child(&root, "authenticationSuccess").ok_or(nonsense("no verdict"))?;
    let user = child(&success, "user").and_then(|user| user.text());
    let user = user.unwrap_or_default().trim().to_owned();
    let mut claims = Map::new();
    if let Some(attributes) = child(&success, "attributes") {
        for attribute in attributes.children().filter(Node::is_element) {
            // Of several values the first is taken.
            let name = attribute.tag_name().name().to_owned();
            let value = attribute.text().unwrap_or_default().trim().to_owned();
            claims.entry(name).or_insert(Value::String(value));
        }
    }
    claims.insert("user".to_owned(), Value::String(user.clone()));
    Ok((user, claims))
}

fn is(node: &Node<'_, '_>, name: &str) -> bool {
    node.is_element()
        && node.tag_name().name() == name
        && node.tag_name().namespace() == Some(NAMESPACE)
}

fn child<'a, 'input>(node: &Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| is(child, name))
}
