//! Whose certificates are believed on links to other servers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Why links cannot be secured.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file of authorities cannot be read.
    #[error("{path}: {cause}", path = path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: rustls::pki_types::pem::Error,
    },
    /// A certificate in it is none, or it has none.
    #[error("{path}: {cause}", path = path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// TLS itself refused.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// TLS for links: the authorities of this machine and those of the files, HTTP/2 before HTTP/1.1.
///
/// # Errors
/// [`TrustError`], if a file cannot be used.
pub fn client_config(authorities: &[PathBuf]) -> Result<Arc<ClientConfig>, TrustError> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::warn!(%error, "authorities of this machine cannot be read");
    }
    let (_, refused) = roots.add_parsable_certificates(native.certs);
    if refused > 0 {
        tracing::debug!(
            refused,
            "authorities of this machine that TLS does not take"
        );
    }
    for path in authorities {
        add(&mut roots, path)?;
    }
    if roots.is_empty() {
        tracing::warn!("no authorities: certificates of other servers cannot be checked");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn add(roots: &mut RootCertStore, path: &Path) -> Result<(), TrustError> {
    let pem = |cause| TrustError::Pem {
        path: path.to_owned(),
        cause,
    };
    let bad = |cause: String| TrustError::Certificate {
        path: path.to_owned(),
        cause,
    };
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(pem)?;
    if certificates.is_empty() {
        return Err(bad("no certificate in it".to_owned()));
    }
    for certificate in certificates {
        let added = roots.add(certificate);
        added.map_err(|error| bad(error.to_string()))?;
    }
    Ok(())
}
