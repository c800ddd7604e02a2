//! Letters to people, as the operator wants them.

use anyhow::Context as _;
use causeway_mail::{MailSettings, Mailer, Security, Templates};
use causeway_users::settings::EmailSettings;

use crate::config::{Mail, MailTls, Settings};

/// What brings letters to the mail server, where there is one.
///
/// # Errors
/// What is wrong with the address, a file of certificates, or a template.
pub fn mailer(settings: &Settings) -> anyhow::Result<Option<Mailer>> {
    let mail = &settings.mail;
    let (Some(host), Some(from)) = (&mail.host, &mail.from) else {
        return Ok(None);
    };
    let login = mail.login.as_ref();
    let mailer = Mailer::new(MailSettings {
        host: host.clone(),
        port: mail.port,
        security: match mail.tls {
            MailTls::None => Security::None,
            MailTls::StartTls => Security::StartTls,
            MailTls::Implicit => Security::Implicit,
        },
        login: login.map(|(user, password)| (user.clone(), password.expose().to_owned())),
        from: from.clone(),
        server: settings.server.name.to_string(),
        authorities: mail.trusted_authorities.clone(),
        templates: Templates::load(mail.templates.as_deref()).context("mail.templates")?,
    });
    Ok(Some(mailer.context("mail")?))
}

/// What people can do with e-mail addresses.
pub fn emails(mail: &Mail) -> EmailSettings {
    EmailSettings {
        offered: mail.is_offered(),
        required_to_register: mail.required_to_register,
        next_link_hosts: mail.next_link_hosts.clone(),
    }
}
