//! Bringing letters to the mail server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lettre::address::AddressError;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Mailboxes};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use rand::Rng as _;
use tokio::sync::Semaphore;

use crate::templates::{Kind, TemplateError, Templates};

/// Letters under way at a time. Each is a connection.
const MAX_CONNECTIONS: usize = 4;

/// Letters under way or waiting; more are refused.
const MAX_LETTERS: usize = 64;

/// How long the mail server may take for one command.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// How long one letter may take in all, waiting included.
const LETTER_TIMEOUT: Duration = Duration::from_secs(45);

/// How a connection to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    None,
    /// It begins in the open and must change to TLS (usually port 587).
    StartTls,
    /// TLS from the first byte (usually port 465).
    Implicit,
}

/// What a mailer must be told.
#[derive(Clone)]
pub struct MailSettings {
    /// Name or address of the mail server; its certificate must have it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// Name and password, where the mail server asks for them.
    pub login: Option<(String, String)>,
    /// Who the letters are from: an address, perhaps with a name before it.
    pub from: String,
    /// The name of this server, for the texts and for greeting the mail server.
    pub server: String,
    /// Files (PEM) with authorities that are believed besides those of this machine.
    pub authorities: Vec<PathBuf>,
    /// Texts.
    pub templates: Templates,
}

/// Why there can be no mailer, or a letter was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// No letter can be sent to, or from, this address.
    #[error("this is no address for letters: {0}")]
    Address(#[from] AddressError),
    /// A file of certificates cannot be read.
    #[error("{}: {source}", file.display())]
    Certificate {
        /// Which.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A template will not do.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Too many letters wait already.
    #[error("too many letters wait already")]
    Busy,
    /// The letter cannot be put together.
    #[error("the letter cannot be written: {0}")]
    Letter(#[from] lettre::error::Error),
    /// The mail server does not take it, or is not reached.
    #[error("the mail server: {0}")]
    Smtp(#[from] lettre::transport::smtp::Error),
    /// It takes too long.
    #[error("the mail server takes too long")]
    Timeout,
}

/// Brings letters to the mail server. Cheap to clone.
#[derive(Clone)]
pub struct Mailer(Arc<Inner>);

struct Inner {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    server: String,
    templates: Templates,
    places: Semaphore,
    connections: Semaphore,
}

impl Mailer {
    /// A mailer. Nothing is connected before the first letter.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn new(settings: MailSettings) -> Result<Self, MailError> {
        let tls = match settings.security {
            Security::None => Tls::None,
            Security::StartTls => Tls::Required(tls(&settings)?),
            Security::Implicit => Tls::Wrapper(tls(&settings)?),
        };
        // A name with a port is no domain.
        let greeting = settings.server.split(':').next().unwrap_or_default();
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port)
            .tls(tls)
            .timeout(Some(COMMAND_TIMEOUT))
            .hello_name(ClientId::Domain(greeting.to_owned()));
        if let Some((user, password)) = settings.login {
            transport = transport.credentials(Credentials::new(user, password));
        }
        Ok(Self(Arc::new(Inner {
            transport: transport.build(),
            from: settings.from.parse()?,
            server: settings.server,
            templates: settings.templates,
            places: Semaphore::new(MAX_LETTERS),
            connections: Semaphore::new(MAX_CONNECTIONS),
        })))
    }

    /// Sends a letter and waits until the mail server has taken it. `link` goes into its text,
    /// `hours` says how long that works, `at_ms` is the time (milliseconds since 1970).
    ///
    /// # Errors
    /// [`MailError`] says why it was not taken.
    pub async fn send(
        &self,
        kind: Kind,
        to: &str,
        link: &str,
        hours: u64,
        at_ms: u64,
    ) -> Result<(), MailError> {
        let inner = &self.0;
        let _place = inner.places.try_acquire().map_err(|_| MailError::Busy)?;
        let letter = self.letter(kind, to, link, hours, at_ms)?;
        let sending = async {
            // Nobody closes it.
            let _turn = inner.connections.acquire().await;
            inner.transport.send(letter).await
        };
        match tokio::time::timeout(LETTER_TIMEOUT, sending).await {
            Ok(sent) => Ok(sent.map(|_| ())?),
            Err(_) => Err(MailError::Timeout),
        }
    }

    fn letter(
        &self,
        kind: Kind,
        to: &str,
        link: &str,
        hours: u64,
        at_ms: u64,
    ) -> Result<Message, MailError> {
        let Inner {
            from,
            server,
            templates,
            ..
        } = &*self.0;
        let (subject, text) = templates.write(kind, server, link, hours);
        let to = Mailbox::new(None, to.parse::<Address>()?);
        // Machines that answer letters leave such ones alone (RFC 3834).
        let automatic = HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        );
        let letter = Message::builder()
            .mailbox(lettre::message::header::To::from(Mailboxes::from(to)))
            .from(from.clone())
            .date(SystemTime::UNIX_EPOCH + Duration::from_millis(at_ms))
            .message_id(Some(message_id(from.email.domain())))
            .subject(subject)
            .raw_header(automatic)
            .header(ContentType::TEXT_PLAIN);
        Ok(letter.body(text)?)
    }
}

fn tls(settings: &MailSettings) -> Result<TlsParameters, MailError> {
    let mut tls = TlsParameters::builder(settings.host.clone());
    for file in &settings.authorities {
        let trouble = |source| MailError::Certificate {
            file: file.clone(),
            source,
        };
        let pem = std::fs::read(file).map_err(trouble)?;
        tls = tls.add_root_certificate(Certificate::from_pem(&pem)?);
    }
    Ok(tls.build()?)
}

/// `<random@domain>`, with 144 random bits.
fn message_id(domain: &str) -> String {
    let mut bytes = [0_u8; 18];
    rand::rng().fill_bytes(&mut bytes);
    format!("<{}@{domain}>", URL_SAFE_NO_PAD.encode(bytes))
}
