//! The certificate that the server itself presents.

use std::path::Path;

use causeway_store::Clock;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};

use super::{Finding, certificate_der};
use crate::{config::Settings, server::tls};

const SUBJECT: &str = "certificate";

/// A certificate that ends sooner should have been renewed.
const SOON_DAYS: i64 = 14;

const DAY_S: i64 = 86_400;

pub(super) fn look(settings: &Settings) -> Vec<Finding> {
    let listen = &settings.listen;
    let (Some(certificate), Some(key)) = (&listen.tls_certificate, &listen.tls_private_key) else {
        return vec![Finding::ok(SUBJECT, "the server itself speaks no TLS")];
    };
    if let Err(error) = tls::Certificate::read(certificate, key) {
        let way_out = "the files must hold a PEM certificate chain and its private key";
        return vec![Finding::fail(SUBJECT, error.to_string(), way_out)];
    }
    let Ok(leaf) = CertificateDer::from_pem_file(certificate) else {
        let text = format!("{} holds no certificate", certificate.display());
        return vec![Finding::fail(SUBJECT, text, "name the file with the chain")];
    };
    let now_s = i64::try_from(Clock::system().now_ms() / 1_000).unwrap_or(i64::MAX);
    vec![
        look_at_end(&leaf, certificate, now_s),
        look_at_names(&leaf, settings),
    ]
}

fn look_at_end(leaf: &CertificateDer<'_>, path: &Path, now_s: i64) -> Finding {
    let shown = path.display();
    let Some(end_s) = certificate_der::end_s(leaf) else {
        let text = format!("{shown}: its end cannot be read");
        return Finding::warn(SUBJECT, text, "look with openssl x509 -noout -enddate");
    };
    let left_s = end_s - now_s;
    let days = left_s.div_euclid(DAY_S);
    if left_s < 0 {
        return Finding::fail(
            SUBJECT,
            format!("{shown} ended {} days ago", -days),
            "renew it",
        );
    }
    let text = format!("{shown} holds for {days} more days");
    if days < SOON_DAYS {
        return Finding::warn(SUBJECT, text, "renew it");
    }
    Finding::ok(SUBJECT, text)
}

fn look_at_names(leaf: &CertificateDer<'_>, settings: &Settings) -> Finding {
    let url = settings.public_base_url();
    let host = url
        .parse::<http::Uri>()
        .ok()
        .and_then(|uri| uri.host().map(str::to_owned));
    let host = host.unwrap_or_else(|| settings.server.name.host().to_owned());
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
    let parsed = rustls::server::ParsedCertificate::try_from(leaf);
    let fits = match (name, parsed) {
        (Ok(name), Ok(parsed)) => rustls::client::verify_server_name(&parsed, &name).is_ok(),
        _ => false,
    };
    if fits {
        return Finding::ok(SUBJECT, format!("is for {host}"));
    }
    let text = format!("is not for {host}, which clients are told");
    Finding::warn(
        SUBJECT,
        text,
        "get one for that name, or correct server.public_base_url",
    )
}
