//! The binary with a Postgres of its own: from nothing to a server, through a crash, and the
//! commands of an administrator beside it.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where its world is not as it should be"
)]

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a start may take on a machine that has other work.
const PATIENCE: Duration = Duration::from_secs(90);

fn causeway(data_dir: &Path, port: u16, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_causeway"));
    command
        .args(arguments)
        .env("CAUSEWAY_SERVER__NAME", "causeway.example")
        .env("CAUSEWAY_SERVER__DATA_DIR", data_dir)
        .env(
            "CAUSEWAY_LISTEN__PLAIN_ADDRESS",
            format!("127.0.0.1:{port}"),
        )
        .env("CAUSEWAY_PASSWORD__CHEAP_HASH_FOR_TESTS", "true")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A server that is killed with this value.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(data_dir: &Path, port: u16) -> Server {
    let log = std::fs::File::create(data_dir.with_extension("log")).unwrap();
    let child = causeway(data_dir, port, &["serve"])
        .stderr(log)
        .spawn()
        .unwrap();
    let mut server = Server(child);
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let ended = server.0.try_wait().unwrap();
        assert!(
            ended.is_none() && begin.elapsed() < PATIENCE,
            "no server: {ended:?}\n{}",
            std::fs::read_to_string(data_dir.with_extension("log")).unwrap()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    server
}

fn stop(mut server: Server) {
    let pid = Pid::from_raw(server.0.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let status = server.0.wait().unwrap();
    assert!(status.success(), "{status}");
}

fn output(command: &mut Command) -> (bool, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.success(), text(stdout), text(stderr))
}

fn user(data_dir: &Path, arguments: &[&str]) -> (bool, String, String) {
    let arguments: Vec<_> = ["user"].iter().chain(arguments).copied().collect();
    output(&mut causeway(data_dir, 1, &arguments))
}

#[test]
fn a_server_with_its_own_postgres_survives_a_crash_and_refuses_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let port = free_port();

    let first = serve(&data, port);
    let (made, said, errors) = user(&data, &["create", "alice", "--admin", "--generate"]);
    assert!(made, "{errors}");
    assert!(
        said.starts_with("@alice:causeway.example is made.\nIts password: "),
        "{said}"
    );

    let (started, _, errors) = output(&mut causeway(&data, free_port(), &["serve"]));
    assert!(!started);
    let holder = format!(
        "another causeway server (process {}) already uses",
        first.0.id()
    );
    assert!(errors.contains(&holder), "{errors}");
    // SIGKILL: nothing is written out, nobody says goodbye
    drop(first);

    let second = serve(&data, port);
    assert_eq!(
        user(&data, &["list"]).1,
        "@alice:causeway.example\tadministrator\n"
    );
    stop(second);
    assert!(
        !data.join("postgres/postmaster.pid").exists(),
        "Postgres was not stopped cleanly"
    );
}

#[test]
fn accounts_are_looked_after_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");

    let mut creation = causeway(&data, 1, &["user", "create", "@bob:causeway.example"]);
    let mut child = creation.stdin(Stdio::piped()).spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"a password to type\n")
        .unwrap();
    let made = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{errors}");
    assert!(
        errors.contains("making a new database"),
        "no word about long work: {errors}"
    );
    assert_eq!(made.stdout, b"@bob:causeway.example is made.\n");

    let (again, _, errors) = user(&data, &["create", "bob", "--generate"]);
    assert!(
        !again && errors.contains("the user name is taken"),
        "{errors}"
    );
    let (reset, said, errors) = user(&data, &["reset-password", "bob", "--generate"]);
    assert!(
        reset && said.contains("has another password"),
        "{said}{errors}"
    );
    let (unknown, _, errors) = user(&data, &["reset-password", "carol", "--generate"]);
    assert!(!unknown && errors.contains("no such account"), "{errors}");

    assert!(user(&data, &["deactivate", "@bob:causeway.example"]).0);
    assert_eq!(user(&data, &["list"]).1, "");
    assert_eq!(
        user(&data, &["list", "--all"]).1,
        "@bob:causeway.example\tdeactivated\n"
    );
}

#[test]
fn mistakes_in_the_settings_stop_the_start_all_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("causeway.toml");
    std::fs::write(
        &file,
        "[server]\nnmae = \"a.example\"\n[listen]\nplain_address = 3\n",
    )
    .unwrap();
    let name = file.display().to_string();
    let mut command = causeway(dir.path(), 1, &["--config", &name]);
    command.env_remove("CAUSEWAY_LISTEN__PLAIN_ADDRESS");
    let (started, _, errors) = output(&mut command);
    assert!(!started);
    assert!(errors.contains(&format!(
        "{name}:2: server.nmae: unknown; did you mean `name`?"
    )));
    assert!(
        errors.contains(&format!("{name}:4: listen.plain_address: ")),
        "{errors}"
    );
}
