//! A mail server on this machine that keeps what it is given: SMTP (RFC 5321) as far as senders of
//! letters need it, with STARTTLS (RFC 3207) and AUTH PLAIN (RFC 4954) on request.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::authority::{Authority, LOCAL_NAMES};
use crate::server::ServerOptions;

/// Letters that are kept; a test that gets more has gone wrong.
const MAX_LETTERS: usize = 1_000;

/// A letter that came.
#[derive(Debug, Clone)]
pub struct ReceivedLetter {
    /// The address in `MAIL FROM`.
    pub from: String,
    /// The addresses in `RCPT TO`.
    pub to: Vec<String>,
    /// Header and text as they came, soft line breaks taken out.
    pub text: String,
    /// Whether the connection was protected.
    pub by_tls: bool,
    /// What `AUTH PLAIN` held, in base64.
    pub login: Option<String>,
}

impl ReceivedLetter {
    /// A header's value, or nothing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default();
        head.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            .unwrap_or_default()
    }

    /// The link in its text, if there is one.
    #[must_use]
    pub fn link(&self) -> Option<&str> {
        let line = self.text.lines().find(|line| line.starts_with("http"));
        line.map(str::trim)
    }
}

/// The running mail server. Dropping it ends it.
pub struct MailServer {
    address: SocketAddr,
    inside: Arc<Inside>,
    task: JoinHandle<()>,
}

struct Inside {
    letters: Mutex<Vec<ReceivedLetter>>,
    refuses: AtomicBool,
    tls: Option<Arc<ServerConfig>>,
}

impl MailServer {
    /// A mail server that takes anything, unprotected.
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// A mail server that takes letters by TLS only, and from who has logged in.
    pub async fn start_strict(authority: &Authority) -> Self {
        Self::start_with(Some(authority.server(&LOCAL_NAMES))).await
    }

    async fn start_with(tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a free port");
        let inside = Arc::new(Inside {
            letters: Mutex::default(),
            refuses: AtomicBool::new(false),
            tls,
        });
        Self {
            address: listener.local_addr().expect("an address"),
            inside: Arc::clone(&inside),
            task: tokio::spawn(listen(listener, inside)),
        }
    }

    /// Options of a server that sends its letters here.
    #[must_use]
    pub fn options(&self) -> ServerOptions {
        let tls = if self.inside.tls.is_some() {
            "starttls"
        } else {
            "none"
        };
        ServerOptions::default()
            .text("mail.host", "localhost")
            .set("mail.port", &self.address.port().to_string())
            .text("mail.tls", tls)
            .text("mail.from", "Tests <noreply@causeway.test>")
    }

    /// From now on, letters are refused for a while (`451`), or taken again.
    pub fn refuse(&self, refuses: bool) {
        self.inside.refuses.store(refuses, Ordering::Relaxed);
    }

    /// All letters so far.
    #[must_use]
    pub fn letters(&self) -> Vec<ReceivedLetter> {
        let letters = self.inside.letters.lock();
        letters.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The newest letter to an address.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn newest_to(&self, address: &str) -> ReceivedLetter {
        let letters = self.letters().into_iter().rev();
        let newest = { letters }.find(|letter| letter.to == [address]);
        newest.unwrap_or_else(|| panic!("there is no letter to {address}"))
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(listener: TcpListener, inside: Arc<Inside>) {
    while let Ok((stream, _)) = listener.accept().await {
        let inside = Arc::clone(&inside);
        // A client that breaks off has nothing to tell.
        tokio::spawn(async move { serve(stream, &inside).await });
    }
}

async fn serve(stream: TcpStream, inside: &Inside) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 test ESMTP\r\n").await?;
    if !talk(&mut stream, inside, false).await? {
        return Ok(());
    }
    let Some(tls) = &inside.tls else {
        return Ok(());
    };
    let acceptor = TlsAcceptor::from(Arc::clone(tls));
    let mut stream = BufReader::new(acceptor.accept(stream.into_inner()).await?);
    talk(&mut stream, inside, true).await?;
    Ok(())
}

/// What one connection has said so far.
#[derive(Default)]
struct Talk {
    from: String,
    to: Vec<String>,
    login: Option<String>,
}

/// Answers commands until the client leaves; `true` if it wants TLS now.
async fn talk<S>(stream: &mut BufReader<S>, inside: &Inside, by_tls: bool) -> io::Result<bool>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut said = Talk::default();
    let is_strict = inside.tls.is_some();
    loop {
        let Some(line) = read_line(stream).await? else {
            return Ok(false);
        };
        let verb = line.split([' ', ':']).next().unwrap_or_default();
        let answer: &[u8] = match verb.to_ascii_uppercase().as_str() {
            "EHLO" if is_strict && !by_tls => b"250-test\r\n250 STARTTLS\r\n",
            "EHLO" if is_strict => b"250-test\r\n250 AUTH PLAIN\r\n",
            "EHLO" | "HELO" | "RSET" | "NOOP" => b"250 test\r\n",
            "STARTTLS" if is_strict && !by_tls => {
                stream.write_all(b"220 go on\r\n").await?;
                return Ok(true);
            }
            "AUTH" => {
                said.login = line.split(' ').nth(2).map(str::to_owned);
                b"235 welcome\r\n"
            }
            "MAIL" if is_strict && said.login.is_none() => b"530 log in by TLS\r\n",
            "MAIL" if inside.refuses.load(Ordering::Relaxed) => b"451 not now\r\n",
            "MAIL" => {
                said.from = address_in(&line);
                said.to.clear();
                b"250 yes\r\n"
            }
            "RCPT" => {
                said.to.push(address_in(&line));
                b"250 yes\r\n"
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                let text = read_letter(stream).await?;
                keep(inside, &said, text, by_tls);
                b"250 taken\r\n"
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(false);
            }
            _ => b"502 unknown\r\n",
        };
        stream.write_all(answer).await?;
    }
}

fn keep(inside: &Inside, said: &Talk, text: String, by_tls: bool) {
    let mut letters = inside
        .letters
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if letters.len() < MAX_LETTERS {
        letters.push(ReceivedLetter {
            from: said.from.clone(),
            to: said.to.clone(),
            text,
            by_tls,
            login: said.login.clone(),
        });
    }
}

fn address_in(line: &str) -> String {
    let start = line.find('<').map_or(0, |at| at + 1);
    let end = line.find('>').unwrap_or(line.len());
    line.get(start..end).unwrap_or_default().to_owned()
}

async fn read_line<S>(stream: &mut BufReader<S>) -> io::Result<Option<String>>
where
    S: AsyncRead + Unpin,
{
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    Ok(Some(line.trim_end().to_owned()))
}

/// Reads up to the single dot. Soft line breaks of quoted-printable text are taken out, and `=3D`.
async fn read_letter<S>(stream: &mut BufReader<S>) -> io::Result<String>
where
    S: AsyncRead + Unpin,
{
    let mut text = String::new();
    while let Some(line) = read_line(stream).await? {
        if line == "." {
            break;
        }
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
        text.push_str("\r\n");
    }
    if text.contains("quoted-printable") {
        text = text.replace("=\r\n", "").replace("=3D", "=");
    }
    Ok(text)
}
