use std::net::Ipv4Addr;

use causeway_outbound::{Method, Url};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

const MANNER: Manner = Manner {
    user_agent: "test",
    connect_timeout: Duration::from_secs(5),
    timeout: Duration::from_secs(5),
    max_redirects: 0,
};

fn settings(authorities: &str) -> Settings {
    let text = format!(
        "[outbound]\nallowed_addresses = [\"127.0.0.0/8\", \"::1\"]\ntrusted_authorities = [{authorities}]\n"
    );
    crate::config::parse(&text, "causeway.toml", []).unwrap()
}

/// A server that proves itself with `own` and greets everybody; its port.
async fn https(own: &CertifiedKey<rcgen::KeyPair>) -> u16 {
    let key = own.signing_key.serialize_der().try_into().unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi")
                .await;
            let _ = stream.shutdown().await;
        }
    });
    port
}

#[tokio::test]
async fn authorities_of_the_operator_are_believed_and_others_are_not() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let own = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.crt");
    std::fs::write(&file, own.cert.pem()).unwrap();
    let port = https(&own).await;
    let get = async |settings: &Settings| {
        let url = Url::parse(&format!("https://localhost:{port}/")).unwrap();
        let client = outbound(settings, MANNER).unwrap();
        client.request(Method::GET, url).unwrap().send().await
    };
    assert!(get(&settings("")).await.is_err());
    let trusting = settings(&format!("{:?}", file.display().to_string()));
    let answer = get(&trusting).await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "hi");
}

#[test]
fn a_file_without_certificates_is_named() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("empty.pem");
    std::fs::write(&file, "nothing").unwrap();
    for path in [file, folder.path().join("missing.pem")] {
        let error = outbound(
            &settings(&format!("{:?}", path.display().to_string())),
            MANNER,
        )
        .unwrap_err();
        assert!(format!("{error:#}").contains(&path.display().to_string()));
    }
}
