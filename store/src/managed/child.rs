//! The running Postgres process, its log and its end.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;

use super::ManagedError;

/// The log is renamed to `postgres.log.1` at this size, so both take twice as much at most.
const LOG_LIMIT_BYTES: u64 = 8 << 20;
/// How much of the log's end is kept for an error message.
const LAST_WORDS_BYTES: usize = 2_048;

/// A child process. Dropping it asks the process to stop and does not wait.
#[derive(Debug)]
pub(super) struct Child {
    pid: u32,
    last_words: Arc<Mutex<String>>,
    /// How the process ended; nothing while it runs.
    end: watch::Receiver<Option<String>>,
}

impl Child {
    /// Starts a process whose standard error goes to a log file of bounded size.
    pub(super) fn spawn(mut command: Command, log: PathBuf) -> Result<Self, ManagedError> {
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let (end_sender, end) = watch::channel(None);
        let (pid_sender, pid) = std::sync::mpsc::sync_channel(1);
        let last_words = Arc::new(Mutex::new(String::new()));
        let words = Arc::clone(&last_words);
        // Not a thread of the runtime: the kernel signals the child when the thread that started
        // it ends, so this one has to live exactly as long as the child.
        let keep = move || {
            let mut child = match command.spawn() {
                Ok(child) => child,
                Err(error) => {
                    let _ = pid_sender.send(Err(error));
                    return;
                }
            };
            let _ = pid_sender.send(Ok(child.id()));
            if let Some(stderr) = child.stderr.take() {
                copy_to_log(stderr, &log, &words);
            }
            let how = match child.wait() {
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            };
            let _ = end_sender.send(Some(how));
        };
        let failed = |error: std::io::Error| ManagedError::Failed {
            program: "setpriv",
            output: error.to_string(),
        };
        std::thread::Builder::new()
            .name("postgres-keeper".into())
            .spawn(keep)
            .map_err(failed)?;
        let gone = |_| failed(std::io::Error::other("the thread that starts it ended"));
        let pid = pid.recv().map_err(gone)?.map_err(failed)?;
        Ok(Self {
            pid,
            last_words,
            end,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// The end of what the process wrote.
    pub(super) fn last_words(&self) -> String {
        self.last_words.lock().trim().to_owned()
    }

    /// Waits for the end of the process, and says how it ended.
    pub(super) async fn exited(&self) -> String {
        let mut end = self.end.clone();
        match end.wait_for(Option::is_some).await {
            Ok(how) => how.clone().unwrap_or_default(),
            Err(_) => "unknown".to_owned(),
        }
    }

    /// Fast shutdown: sessions are ended, pages written.
    pub(super) fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Immediate shutdown: the next start recovers.
    pub(super) fn quit(&self) {
        self.signal(Signal::QUIT);
    }

    fn signal(&self, signal: Signal) {
        // the number may belong to another process once the child was waited for
        if self.end.borrow().is_some() {
            return;
        }
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw)
            && let Err(error) = kill_process(pid, signal)
        {
            tracing::warn!(pid = self.pid, %error, "cannot signal Postgres");
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.interrupt();
    }
}

/// Copies until the process and all its children closed their side.
fn copy_to_log(mut from: impl Read, log: &Path, last_words: &Mutex<String>) {
    let mut file = open(log);
    let mut size = file
        .as_ref()
        .and_then(|it| it.metadata().ok())
        .map_or(0, |it| it.len());
    let mut buffer = [0; 8_192];
    loop {
        let length = match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let piece = &buffer[..length];
        remember(&mut last_words.lock(), &String::from_utf8_lossy(piece));
        if size > LOG_LIMIT_BYTES {
            // without a log Postgres still works, so a full disk here is no reason to stop
            let _ = fs::rename(log, log.with_extension("log.1"));
            file = open(log);
            size = 0;
        }
        if let Some(file) = &mut file {
            let _ = file.write_all(piece);
        }
        size += length as u64;
    }
}

fn open(log: &Path) -> Option<File> {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(log);
    if let Err(error) = &file {
        tracing::warn!(file = %log.display(), %error, "the log of Postgres cannot be written");
    }
    file.ok()
}

fn remember(last_words: &mut String, piece: &str) {
    last_words.push_str(piece);
    if last_words.len() > LAST_WORDS_BYTES {
        let mut from = last_words.len() - LAST_WORDS_BYTES;
        while !last_words.is_char_boundary(from) {
            from += 1;
        }
        last_words.drain(..from);
    }
}
