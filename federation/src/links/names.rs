//! The domain name system, as discovery uses it.

use std::net::IpAddr;

use futures::future::BoxFuture;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;

/// Answers of the domain name system that are kept, for as long as they say themselves.
const CACHED_ANSWERS: u64 = 8_192;

/// Addresses of one name that are looked at.
pub(crate) const MAX_ADDRESSES: usize = 8;

/// SRV records of one name that are looked at.
pub(crate) const MAX_SERVICES: usize = 8;

/// Where an SRV record leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Lower ones are tried first.
    pub priority: u16,
    /// Higher ones of the same priority are tried first.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host, without a dot at the end.
    pub target: String,
}

/// A name could not be looked up, or is not there.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct NameError(pub String);

/// What discovery asks of the domain name system. Tests put names of their own in its place.
pub trait Names: Send + Sync {
    /// The addresses of a host (A and AAAA, through CNAME); an error where there are none.
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, NameError>>;

    /// The SRV records of a name such as `_matrix-fed._tcp.example.org`, best first; an error where
    /// there are none.
    fn services<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Service>, NameError>>;
}

/// The name servers of this machine, and its file of hosts.
pub struct SystemNames(TokioResolver);

impl SystemNames {
    /// Reads how this machine looks names up. Where it does not say, only `localhost` and the
    /// file of hosts are known, and the log says so.
    ///
    /// # Errors
    /// If a resolver cannot be made at all.
    pub fn new() -> Result<Self, NameError> {
        let builder = TokioResolver::builder_tokio();
        let mut builder = builder.unwrap_or_else(|error| {
            tracing::warn!(%error, "no name servers: other servers are found by address only");
            let provider = TokioRuntimeProvider::default();
            TokioResolver::builder_with_config(ResolverConfig::default(), provider)
        });
        let options = builder.options_mut();
        options.cache_size = CACHED_ANSWERS;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        let resolver = builder.build();
        resolver
            .map(Self)
            .map_err(|error| NameError(error.to_string()))
    }
}

/// A name with its dot at the end, so that no search domain is tried.
fn absolute(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

impl Names for SystemNames {
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, NameError>> {
        Box::pin(async move {
            let found = self.0.lookup_ip(absolute(host)).await;
            let found = found.map_err(|error| NameError(error.to_string()))?;
            let addresses: Vec<IpAddr> = found.iter().take(MAX_ADDRESSES).collect();
            match addresses.is_empty() {
                true => Err(NameError("the name has no address".to_owned())),
                false => Ok(addresses),
            }
        })
    }

    fn services<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Service>, NameError>> {
        Box::pin(async move {
            let found = self.0.srv_lookup(absolute(name)).await;
            let found = found.map_err(|error| NameError(error.to_string()))?;
            let records = found.answers().iter();
            let services = records.filter_map(|record| match &record.data {
                RData::SRV(srv) => Some(Service {
                    priority: srv.priority,
                    weight: srv.weight,
                    port: srv.port,
                    target: srv.target.to_ascii().trim_end_matches('.').to_owned(),
                }),
                _ => None,
            });
            Ok(best_first(services.collect()))
        })
    }
}

/// Sorts services by priority and weight. Of equal weight the order stays; load is not spread by
/// chance here, since a server keeps few connections to another.
pub(crate) fn best_first(mut services: Vec<Service>) -> Vec<Service> {
    services.sort_by_key(|service| (service.priority, std::cmp::Reverse(service.weight)));
    services.truncate(MAX_SERVICES);
    services
}
