//! Resolves names to allowed addresses only, so that the address that was checked is the address
//! that is connected to.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use crate::gate::Refused;
use crate::policy::AddressPolicy;

/// Lookups at a time; each holds a thread of the system's resolver.
const MAX_LOOKUPS: usize = 32;

/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 16;

/// Turns a name into addresses, and may take its time.
pub(crate) type Lookup = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// The resolver of the machine.
pub(crate) fn of_the_system(name: &str) -> io::Result<Vec<IpAddr>> {
    Ok((name, 0)
        .to_socket_addrs()?
        .map(|address| address.ip())
        .collect())
}

pub(crate) struct FilteringResolver {
    policy: Arc<AddressPolicy>,
    lookup: Arc<Lookup>,
    lookups: Arc<Semaphore>,
}

impl FilteringResolver {
    pub(crate) fn new(policy: Arc<AddressPolicy>, lookup: Arc<Lookup>) -> Self {
        Self {
            policy,
            lookup,
            lookups: Arc::new(Semaphore::new(MAX_LOOKUPS)),
        }
    }
}

impl Resolve for FilteringResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, lookup) = (self.policy.clone(), self.lookup.clone());
        let lookups = self.lookups.clone();
        Box::pin(async move {
            let permit = lookups.acquire_owned().await?;
            // The thread keeps the permit: who stops waiting does not stop the lookup.
            let found = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                lookup(name.as_str())
            });
            let found = found.await??;
            let allowed: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| policy.allows(*address))
                .take(MAX_ADDRESSES)
                .map(|address| SocketAddr::new(address, 0))
                .collect();
            if allowed.is_empty() {
                return Err(Refused::Address.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}
