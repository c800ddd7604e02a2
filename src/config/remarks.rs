//! Settings that are right, but that an operator may not mean.

use super::{MailTls, Settings};

/// What is unusual about the settings, one sentence each.
pub fn remarks(settings: &Settings) -> Vec<String> {
    let mut remarks = Vec::new();
    let local_name = settings.server.name.host() == "localhost";
    if local_name {
        remarks.push(
            "server.name is \"localhost\", which is for trying things out: it cannot be changed \
             once accounts exist"
                .to_owned(),
        );
    }
    let url = settings.public_base_url();
    if url.starts_with("http://") && !is_local(&url) {
        remarks.push(format!(
            "server.public_base_url is {url}: without TLS anybody on the way can read along"
        ));
    }
    if settings.password.cheap_hash_for_tests {
        remarks.push(
            "password.cheap_hash_for_tests is on: passwords can be guessed from a stolen database"
                .to_owned(),
        );
    }
    let reachable = settings
        .listen
        .plain_address
        .iter()
        .chain(&settings.listen.tls_address);
    let only_here = reachable.into_iter().all(|address| is_local(address));
    let guarded = settings.registration.require_token || settings.captcha.is_some();
    let open = settings.registration.open && !guarded;
    if open && !(only_here && local_name) {
        remarks.push(
            "registration.open is on without require_token or a captcha: anybody who reaches the server can \
             make accounts, and spammers look for such servers"
                .to_owned(),
        );
    }
    if let (Some(host), MailTls::None) = (&settings.mail.host, settings.mail.tls)
        && !is_local(host)
    {
        remarks.push(
            "mail.tls is \"none\": anybody on the way can read letters, and set passwords by them"
                .to_owned(),
        );
    }
    if !settings.limits.enabled {
        remarks.push("limits.enabled is off: nobody is slowed down".to_owned());
    }
    remarks
}

/// Whether an address or URL stays on this machine.
fn is_local(address: &str) -> bool {
    let host = address.split("://").last().unwrap_or(address);
    ["127.", "localhost", "[::1]"]
        .iter()
        .any(|start| host.starts_with(start))
}
