//! Addresses of clients, as strangers give them. Specification: client-server API, "Handling the
//! redirect to the client" of "SSO client login/authentication".

use causeway_users::sso::MAX_REDIRECT_URL_BYTES;
use reqwest::Url;

use crate::client::error::ApiError;

/// Schemes by which a browser would run something, or show something as if it came from here.
const DANGEROUS_SCHEMES: [&str; 8] = [
    "javascript",
    "data",
    "vbscript",
    "blob",
    "file",
    "filesystem",
    "about",
    "view-source",
];

/// The parameter that holds the login token.
const TOKEN: &str = "loginToken";

/// Where a client waits for its login. Programs have schemes of their own.
#[derive(Clone, Debug)]
pub struct ClientUrl(Url);

impl ClientUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// `M_INVALID_PARAM` where nobody can be led there.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        if text.len() > MAX_REDIRECT_URL_BYTES {
            return Err(ApiError::invalid_param("redirectUrl is too long"));
        }
        let url = Url::parse(text);
        let url = url.map_err(|_| ApiError::invalid_param("redirectUrl is no address"))?;
        let is_web = matches!(url.scheme(), "http" | "https");
        let has_name = !url.username().is_empty() || url.password().is_some();
        if DANGEROUS_SCHEMES.contains(&url.scheme()) || (is_web && has_name) {
            return Err(ApiError::invalid_param(
                "Nobody is led to such a redirectUrl",
            ));
        }
        Ok(Self(url))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// What people know it by: the site, or the scheme of a program.
    pub fn site(&self) -> String {
        match (self.0.scheme(), self.0.host_str(), self.0.port()) {
            ("https", Some(host), None) => host.to_owned(),
            ("https", Some(host), Some(port)) => format!("{host}:{port}"),
            ("http", Some(host), port) => match port {
                None => format!("http://{host}"),
                Some(port) => format!("http://{host}:{port}"),
            },
            (scheme, ..) => format!("{scheme}:"),
        }
    }

    /// The address with a login token. One that it has already is not ours.
    pub fn with_token(&self, token: &str) -> String {
        let mut url = self.0.clone();
        if url.query_pairs().any(|(name, _)| name == TOKEN) {
            let kept: Vec<_> = self
                .0
                .query_pairs()
                .filter(|(name, _)| name != TOKEN)
                .collect();
            url.query_pairs_mut().clear().extend_pairs(kept);
        }
        url.query_pairs_mut().append_pair(TOKEN, token);
        url.into()
    }

    /// A path of this server with the address as its `redirectUrl`.
    pub fn as_parameter(&self, path: &str) -> String {
        let mut query = Url::parse("http://localhost").expect("a URL");
        query
            .query_pairs_mut()
            .append_pair("redirectUrl", self.0.as_str());
        format!("{path}?{}", query.query().unwrap_or_default())
    }

    /// Whether it begins like one of `trusted`: the same scheme, host and port, and the same path or
    /// one below it.
    pub fn is_trusted(&self, trusted: &[String]) -> bool {
        trusted.iter().any(|trusted| {
            Url::parse(trusted).is_ok_and(|trusted| {
                let path = trusted.path().trim_end_matches('/');
                let below = self.0.path().strip_prefix(path);
                self.0.scheme() == trusted.scheme()
                    && self.0.host_str() == trusted.host_str()
                    && self.0.port_or_known_default() == trusted.port_or_known_default()
                    && self.0.username() == trusted.username()
                    && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        })
    }
}

#[cfg(test)]
#[path = "client_url_test.rs"]
mod client_url_test;
