//! Certificate and key of the TLS listeners.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use super::drain::Drain;

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing or holds no usable PEM block.
    #[error("{path}: {cause}", path = path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: rustls::pki_types::pem::Error,
    },
    /// The file with the certificate has none.
    #[error("{}: no certificate in it", .0.display())]
    NoCertificate(PathBuf),
    /// Certificate and key do not fit.
    #[error("certificate and private key: {0}")]
    Pair(#[from] rustls::Error),
}

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A certificate with its key, from files that may be replaced while the server runs.
#[derive(Debug)]
pub struct Certificate {
    certificate: PathBuf,
    private_key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
}

/// When a file was last changed, and its size.
type Stamp = Option<(SystemTime, u64)>;

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn read(certificate: &Path, private_key: &Path) -> Result<Arc<Self>, TlsError> {
        let current = read_pair(certificate, private_key)?;
        Ok(Arc::new(Self {
            certificate: certificate.to_owned(),
            private_key: private_key.to_owned(),
            current: RwLock::new(Arc::new(current)),
        }))
    }

    /// An acceptor for HTTP/2 and HTTP/1.1 with TLS 1.2 and 1.3, which shows the certificate of
    /// the moment.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Reads the files again whenever they changed, until the server drains. New files that cannot
    /// be used leave the old certificate in place, and the log says so.
    pub async fn keep_up(self: Arc<Self>, drain: Drain) {
        let mut seen = self.stamps().await;
        loop {
            tokio::select! {
                () = drain.begun() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let now = self.stamps().await;
            if now == seen {
                continue;
            }
            seen = now;
            match read_pair(&self.certificate, &self.private_key) {
                Ok(pair) => {
                    *self.current.write() = Arc::new(pair);
                    tracing::info!(file = %self.certificate.display(), "a new certificate");
                }
                Err(error) => tracing::warn!(%error, "the old certificate stays in use"),
            }
        }
    }

    async fn stamps(&self) -> [Stamp; 2] {
        [
            stamp(&self.certificate).await,
            stamp(&self.private_key).await,
        ]
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().clone())
    }
}

async fn stamp(path: &Path) -> Stamp {
    let metadata = tokio::fs::metadata(path).await.ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn read_pair(certificate: &Path, private_key: &Path) -> Result<CertifiedKey, TlsError> {
    let pem = |path: &Path| {
        let path = path.to_owned();
        move |cause| TlsError::Pem { path, cause }
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(pem(certificate))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(certificate.to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(private_key).map_err(pem(private_key))?;
    let provider = rustls::crypto::ring::default_provider();
    Ok(CertifiedKey::from_der(chain, key, &provider)?)
}
