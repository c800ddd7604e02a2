//! Certificates for servers on this machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tempfile::TempDir;

/// Names of this machine that certificates are for.
pub const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// An authority that signs certificates of test servers, and the folder with its files.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Authority({})", self.folder.path().display())
    }
}

impl Authority {
    /// A new one, whom nobody trusts yet.
    ///
    /// # Panics
    /// When the machine has no room for its files.
    #[must_use]
    pub fn new() -> Arc<Self> {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let folder = tempfile::Builder::new().prefix("causeway-ca").tempdir();
        let folder = folder.expect("a temporary directory");
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).expect("a file");
        Arc::new(Self { issuer, folder })
    }

    /// The file with its own certificate (PEM).
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate and its private key for these names, as PEM.
    ///
    /// # Panics
    /// When a name cannot stand in a certificate.
    #[must_use]
    pub fn issue(&self, names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let params = CertificateParams::new(names).expect("names for a certificate");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    /// Writes a certificate and its key for these names into a folder, as `tls.crt` and `tls.key`.
    ///
    /// # Panics
    /// As [`Self::issue`], or when the folder cannot be written to.
    pub fn write(&self, names: &[&str], folder: &Path) {
        let (certificate, key) = self.issue(names);
        std::fs::write(folder.join("tls.crt"), certificate).expect("a file");
        std::fs::write(folder.join("tls.key"), key).expect("a file");
    }

    /// TLS of a server with these names, HTTP/2 before HTTP/1.1.
    ///
    /// # Panics
    /// As [`Self::issue`].
    #[must_use]
    pub fn server(&self, names: &[&str]) -> Arc<ServerConfig> {
        let (certificate, key) = self.issue(names);
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).expect("PEM")];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions of TLS");
        let config = config.with_no_client_auth().with_single_cert(chain, key);
        let mut config = config.expect("a certificate and its key");
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }

    /// TLS of a client that believes nobody else.
    ///
    /// # Panics
    /// Never, unless its own certificate is none.
    #[must_use]
    pub fn client(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        let own = self.issuer.der().clone();
        roots.add(own).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions of TLS");
        config.with_root_certificates(roots).with_no_client_auth()
    }
}
