//! The server's side of the socket.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::{fs::PermissionsExt, net::UnixStream as StdStream},
    path::Path,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
};

use super::{MAX_MESSAGE_BYTES, Reply, Request, SOCKET, perform, with_short_path};
use crate::server::state::AppState;

/// How long one exchange may take, the work included.
const EXCHANGE_LIMIT: Duration = Duration::from_secs(120);

const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(1);

/// Answers commands until the server stops. A socket that cannot be made is only logged: the
/// commands then work on the database.
pub async fn listen(state: AppState) {
    let data_dir = state.settings.server.data_dir.clone();
    let listener = match open(&data_dir) {
        Ok(listener) => listener,
        Err(error) => {
            let data_dir = data_dir.display();
            tracing::warn!(%error, %data_dir, "commands cannot reach this server by its socket");
            return;
        }
    };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = state.drain.begun() => {
                // a socket that nobody answers is taken for no server, so its file may also stay
                let _ = fs::remove_file(data_dir.join(SOCKET));
                return;
            }
        };
        match accepted {
            // one at a time: it is an administrator who types
            Ok((stream, _)) => {
                let exchange = tokio::time::timeout(EXCHANGE_LIMIT, answer(&state, stream)).await;
                if let Ok(Err(error)) = exchange {
                    tracing::debug!(%error, "a command went away");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a command could not be accepted");
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
}

fn open(data_dir: &Path) -> io::Result<UnixListener> {
    fs::create_dir_all(data_dir)?;
    let listener = with_short_path(data_dir, |path| {
        if StdStream::connect(path).is_ok() {
            return Err(io::Error::other(
                "another server of this data directory has it",
            ));
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        UnixListener::bind(path)
    })?;
    fs::set_permissions(data_dir.join(SOCKET), Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn answer(state: &AppState, mut stream: UnixStream) -> io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    let ours = fs::metadata(state.settings.server.data_dir.join(SOCKET))
        .map(|it| std::os::unix::fs::MetadataExt::uid(&it))?;
    if peer != 0 && peer != ours {
        return Ok(());
    }
    let (read, mut write) = stream.split();
    let mut line = String::new();
    BufReader::new(read.take(MAX_MESSAGE_BYTES))
        .read_line(&mut line)
        .await?;
    let reply = match serde_json::from_str::<Request>(&line) {
        Ok(request) => perform(state, request).await,
        Err(_) => Reply::Refused("the server is of another version than the command".to_owned()),
    };
    let mut text = serde_json::to_vec(&reply)?;
    text.push(b'\n');
    write.write_all(&text).await?;
    write.shutdown().await
}
