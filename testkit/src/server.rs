//! The real server in a process of its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::account::PASSWORD;
use crate::authority::{Authority, LOCAL_NAMES};
use crate::client::TestClient;
use crate::database::TestDatabase;
use crate::observe::{Metrics, RequestLine};
use crate::port::Port;
use crate::spec::Specification;

/// How long a server may take to open its port, and to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// The secret with which tests register administrators.
pub const SHARED_SECRET: &str = "a secret for tests";

/// The configuration of a test server: the defaults of all tests, and what one test changes.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    settings: BTreeMap<String, String>,
    arguments: Vec<String>,
    wait: bool,
    authority: Option<Arc<Authority>>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        let mut options = Self {
            settings: BTreeMap::new(),
            arguments: vec!["serve".to_owned()],
            wait: true,
            authority: None,
        };
        for (key, value) in [
            ("registration.open", "true"),
            ("registration.guests", "true"),
            ("limits.enabled", "false"),
            ("password.cheap_hash_for_tests", "true"),
            ("log.format", "\"json\""),
            ("database.pool_size", "6"),
            ("federation.enabled", "false"),
        ] {
            options.settings.insert(key.to_owned(), value.to_owned());
        }
        options.text("registration.shared_secret", SHARED_SECRET)
    }
}

impl ServerOptions {
    /// Sets a key of the configuration, as in `set("limits.enabled", "true")`. The value is TOML.
    #[must_use]
    pub fn set(mut self, key: &str, toml: &str) -> Self {
        self.settings.insert(key.to_owned(), toml.to_owned());
        self
    }

    /// Sets a key of the configuration to a text.
    #[must_use]
    pub fn text(self, key: &str, text: &str) -> Self {
        // The escapes of JSON strings are those of TOML's basic strings.
        let quoted = serde_json::Value::from(text).to_string();
        self.set(key, &quoted)
    }

    /// Speaks with other servers on this machine whose certificates are of this authority.
    #[must_use]
    pub fn federating(mut self, authority: &Arc<Authority>) -> Self {
        self.authority = Some(Arc::clone(authority));
        self.set("federation.enabled", "true")
            .set("federation.allowed_addresses", "[\"127.0.0.0/8\", \"::1\"]")
    }

    /// The version of rooms that are created without naming one.
    #[must_use]
    pub fn default_room_version(self, version: &str) -> Self {
        self.text("server.default_room_version", version)
    }
}

/// A running server with its own database, directory and port. Dropping it ends the process
/// and removes what it left; a test that fails prints the end of the server's log.
pub struct TestServer {
    process: Option<Child>,
    options: ServerOptions,
    spec: Arc<Specification>,
    port: Port,
    federation_port: Port,
    directory: TempDir,
    // Dropped last: the process holds connections to it.
    database: TestDatabase,
}

impl TestServer {
    /// Starts a server with the defaults of all tests.
    pub async fn start() -> Self {
        Self::start_with(ServerOptions::default()).await
    }

    /// Starts a server and waits until its port is open.
    ///
    /// # Panics
    /// When the server ends or does not open its port in a minute; the log is in the message.
    pub async fn start_with(options: ServerOptions) -> Self {
        let directory = tempfile::Builder::new().prefix("causeway-test").tempdir();
        let mut server = Self {
            process: None,
            options,
            spec: Specification::load(),
            port: Port::take(),
            federation_port: Port::take(),
            directory: directory.expect("a temporary directory"),
            database: TestDatabase::create().await,
        };
        if let Some(authority) = &server.options.authority {
            authority.write(&LOCAL_NAMES, server.directory.path());
        }
        server.launch().await;
        server
    }

    /// The server's name: with the port for other servers where it speaks with any.
    #[must_use]
    pub fn name(&self) -> String {
        match self.options.authority {
            Some(_) => format!("localhost:{}", self.federation_port.number()),
            None => format!("localhost:{}", self.port.number()),
        }
    }

    /// Where other servers find it.
    #[must_use]
    pub fn federation_address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.federation_port.number()))
    }

    /// Shows other servers a new certificate for these names from now on, within some seconds.
    ///
    /// # Panics
    /// When the server does not speak with others.
    pub fn new_certificate(&self, names: &[&str]) {
        let authority = self
            .options
            .authority
            .as_ref()
            .expect("a federating server");
        authority.write(names, self.directory.path());
    }

    /// The address of its API.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.number())
    }

    /// The id of a user of this server.
    #[must_use]
    pub fn user_id(&self, localpart: &str) -> String {
        format!("@{localpart}:{}", self.name())
    }

    /// The database behind it.
    #[must_use]
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// Where the server keeps its files.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The process's id while it runs.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// A client without a session.
    #[must_use]
    pub fn client(&self) -> TestClient {
        TestClient::new(&self.url(), Arc::clone(&self.spec))
    }

    /// Registers a user and gives the client that is logged in as them.
    pub async fn user(&self, localpart: &str) -> TestClient {
        self.client().register(localpart).await
    }

    /// An administrator, made by the command for it beside the running server, and logged in.
    ///
    /// # Panics
    /// When the command fails.
    pub async fn admin(&self, localpart: &str) -> TestClient {
        let password = self.directory.path().join("password");
        std::fs::write(&password, PASSWORD).expect("a password file");
        let made = Command::new(binary())
            .arg("--config")
            .arg(self.directory.path().join("causeway.toml"))
            .args(["user", "create", localpart, "--admin", "--password-file"])
            .arg(&password)
            .current_dir(self.directory.path())
            .output()
            .expect("the command to run");
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "no administrator was made: {said}");
        self.client().login(localpart).await
    }

    /// What a command prints that is run beside the server, with its settings.
    ///
    /// # Panics
    /// When the command fails.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> String {
        let ran = Command::new(binary())
            .arg("--config")
            .arg(self.directory.path().join("causeway.toml"))
            .args(arguments)
            .current_dir(self.directory.path())
            .output()
            .expect("the command to run");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{arguments:?} failed: {said}");
        String::from_utf8_lossy(&ran.stdout).into_owned()
    }

    /// Everything the server wrote to its log so far.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The log lines of requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestLine> {
        RequestLine::all(&self.log())
    }

    /// A reading of `/metrics`.
    pub async fn metrics(&self) -> Metrics {
        let reply = self.client().get("/metrics").unspecified().reply().await;
        assert_eq!(reply.status, 200, "/metrics is not served");
        Metrics::parse(&String::from_utf8_lossy(&reply.bytes))
    }

    /// Asks the server to stop (SIGINT) and waits until it did.
    ///
    /// # Panics
    /// When it does not stop in a minute, or says that it failed.
    pub async fn stop(&mut self) {
        self.signal(Signal::INT);
        let status = self.ended().await;
        assert!(
            status.success(),
            "the server stopped with {status}:\n{}",
            self.log_tail()
        );
    }

    /// Ends the server with the given signal without waiting for anything it may want to do.
    pub fn signal(&self, signal: Signal) {
        let process = self.process.as_ref().expect("a running server");
        let pid = Pid::from_child(process);
        kill_process(pid, signal).expect("the server to take a signal");
    }

    /// Kills the server (SIGKILL).
    pub async fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.ended().await;
    }

    /// Starts the server again, with the same database, directory and port.
    pub async fn restart(&mut self) {
        assert!(self.process.is_none(), "the server still runs");
        self.launch().await;
    }

    async fn launch(&mut self) {
        let config = self.directory.path().join("causeway.toml");
        std::fs::write(&config, self.configuration()).expect("a configuration file");
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_path());
        let log = log.expect("a log file");
        let process = Command::new(binary())
            .arg("--config")
            .arg(&config)
            .args(&self.options.arguments)
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle of the log"))
            .stderr(log)
            .env_remove("RUST_LOG")
            .spawn();
        self.process = Some(process.expect("the server to start"));
        if self.options.wait {
            self.wait_for_port().await;
        }
    }

    async fn wait_for_port(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port.number()));
        while TcpStream::connect(address).is_err() {
            let process = self.process.as_mut().expect("a started server");
            if let Some(status) = process.try_wait().expect("the server's status") {
                self.process = None;
                panic!("the server ended with {status}:\n{}", self.log_tail());
            }
            assert!(
                Instant::now() < deadline,
                "the port stays shut:\n{}",
                self.log_tail()
            );
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    }

    async fn ended(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("a running server");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = process.try_wait().expect("the server's status") {
                return status;
            }
            if Instant::now() > deadline {
                self.process = Some(process);
                panic!("the server does not stop:\n{}", self.log_tail());
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    }

    fn configuration(&self) -> String {
        let directory = self.directory.path().display().to_string();
        let options = self
            .options
            .clone()
            .text("server.name", &self.name())
            .text("server.data_dir", &format!("{directory}/data"))
            .text(
                "listen.plain_address",
                &format!("127.0.0.1:{}", self.port.number()),
            )
            .text("database.url", &self.database.url());
        let options = match &self.options.authority {
            Some(authority) => {
                let address = self.federation_address().to_string();
                let authority = authority.file().display().to_string();
                options
                    .text("federation.listen", &address)
                    .text(
                        "federation.tls_certificate",
                        &format!("{directory}/tls.crt"),
                    )
                    .text(
                        "federation.tls_private_key",
                        &format!("{directory}/tls.key"),
                    )
                    .text("federation.trusted_authorities", &authority)
            }
            None => options,
        };
        let mut text = String::new();
        for (key, value) in &options.settings {
            writeln!(text, "{key} = {value}").expect("writing to a string");
        }
        text
    }

    fn log_path(&self) -> PathBuf {
        self.directory.path().join("server.log")
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
    }
}

/// How much of the server's log a failing test shows.
const LOG_TAIL_LINES: usize = 40;

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself; there is nothing to do about a failure here.
            let _ = process.kill();
            let _ = process.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- end of the server's log ---\n{}", self.log_tail());
        }
    }
}

/// The built server: where cargo says it is, or beside this test.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("CARGO_BIN_EXE_causeway") {
        return path.into();
    }
    let test = std::env::current_exe().expect("the test's own path");
    let candidates = test
        .ancestors()
        .skip(1)
        .map(|directory| directory.join("causeway"));
    let found = candidates.into_iter().find(|path| is_program(path));
    found.expect("the causeway binary: build it with `cargo build`")
}

fn is_program(path: &Path) -> bool {
    path.is_file()
}
