//! The command's side of the socket.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
};

use super::{MAX_MESSAGE_BYTES, Reply, Request, with_short_path};

/// Why the server did not do it.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No server runs on this data directory.
    #[error("no server runs on this data directory")]
    NoServer,
    /// The server broke off.
    #[error("the server broke off: {0}")]
    Broken(#[from] io::Error),
    /// The answer is not to be understood.
    #[error("the server is of another version than this command")]
    Version(#[from] serde_json::Error),
}

/// Asks the server that runs on a data directory. Blocking.
///
/// # Errors
/// [`CallError::NoServer`] when there is none; then nothing was done.
pub fn call(data_dir: &Path, request: &Request) -> Result<Reply, CallError> {
    let mut stream = match with_short_path(data_dir, |path| UnixStream::connect(path)) {
        Ok(stream) => stream,
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                return Err(CallError::NoServer);
            }
            _ => return Err(CallError::Broken(error)),
        },
    };
    let mut text = serde_json::to_vec(request)?;
    text.push(b'\n');
    stream.write_all(&text)?;
    let mut line = String::new();
    BufReader::new(stream.take(MAX_MESSAGE_BYTES)).read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}
