//! The client that all requests to foreign addresses are made with.

use std::error::Error as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect;
use reqwest::{Certificate, Method, RequestBuilder, Url};

use crate::policy::AddressPolicy;
use crate::resolver::{self, FilteringResolver, Lookup};

/// What the gate must be told.
#[derive(Debug, Clone)]
pub struct OutboundSettings {
    /// Which addresses may be reached.
    pub policy: AddressPolicy,
    /// The `User-Agent` of all requests.
    pub user_agent: String,
    /// Longest time for resolving a name and making the connection.
    pub connect_timeout: Duration,
    /// Longest time for a whole request, its answer's body included.
    pub timeout: Duration,
    /// Redirects that are followed; 0 hands a redirect to the caller as it is.
    pub max_redirects: usize,
    /// Certificates of authorities that are believed besides those of this machine.
    pub authorities: Vec<Certificate>,
}

/// Why a request was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is neither `http` nor `https`, or has no host.
    #[error("only http and https are requested")]
    Scheme,
    /// It goes to an address that may not be reached.
    #[error("the address may not be reached")]
    Address,
    /// It was redirected too often.
    #[error("too many redirects")]
    Redirects,
}

/// Makes requests to addresses that strangers choose. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Outbound {
    http: reqwest::Client,
    policy: Arc<AddressPolicy>,
}

impl Outbound {
    /// A gate with these settings. Needs a default provider of rustls.
    ///
    /// # Errors
    /// If the certificates of this machine cannot be read.
    pub fn new(settings: OutboundSettings) -> Result<Self, reqwest::Error> {
        Self::with_lookup(settings, Arc::new(resolver::of_the_system))
    }

    pub(crate) fn with_lookup(
        settings: OutboundSettings,
        lookup: Arc<Lookup>,
    ) -> Result<Self, reqwest::Error> {
        let policy = Arc::new(settings.policy);
        let http = reqwest::Client::builder()
            .user_agent(settings.user_agent)
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.timeout)
            .redirect(redirects(policy.clone(), settings.max_redirects))
            .referer(false)
            .tls_certs_merge(settings.authorities)
            // A proxy would resolve names itself, past the policy.
            .no_proxy()
            .dns_resolver(Arc::new(FilteringResolver::new(policy.clone(), lookup)))
            .build()?;
        Ok(Self { http, policy })
    }

    /// Begins a request. Names are checked when they are resolved, an address in the URL here.
    ///
    /// # Errors
    /// [`Refused`] where the URL itself says that it must not be requested; later refusals are in
    /// the error of the request, see [`refusal`].
    pub fn request(&self, method: Method, url: Url) -> Result<RequestBuilder, Refused> {
        check(&self.policy, &url)?;
        Ok(self.http.request(method, url))
    }
}

/// Whether a failed request was refused by this gate, on its way through names and redirects.
pub fn refusal(error: &reqwest::Error) -> Option<Refused> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<Refused>() {
            return Some(*refused);
        }
        cause = error.source();
    }
    None
}

fn redirects(policy: Arc<AddressPolicy>, most: usize) -> redirect::Policy {
    if most == 0 {
        return redirect::Policy::none();
    }
    redirect::Policy::custom(move |attempt| {
        if attempt.previous().len() > most {
            return attempt.error(Refused::Redirects);
        }
        match check(&policy, attempt.url()) {
            Ok(()) => attempt.follow(),
            Err(refused) => attempt.error(refused),
        }
    })
}

/// What can be said of a URL before its name is resolved. The parser has brought the many
/// spellings of IPv4 addresses (`0x7f.1`, `2130706433`) into one form already.
fn check(policy: &AddressPolicy, url: &Url) -> Result<(), Refused> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refused::Scheme);
    }
    let host = url.host_str().ok_or(Refused::Scheme)?;
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) if !policy.allows(address) => Err(Refused::Address),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "gate_test.rs"]
mod gate_test;
