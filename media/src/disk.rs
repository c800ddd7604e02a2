//! Files on the local disk. Content lies at `content/ab/cd/<hash>`, its thumbnails in the folder
//! `thumbnails/ab/cd/<hash>/`, an upload in progress in `incoming/`.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use rand::Rng as _;
use sha2::{Digest as _, Sha256};
use tokio::fs::{self, File};
use tokio::io::{AsyncWriteExt as _, BufWriter};

use crate::MediaError;

/// Bytes that are gathered before they are written.
const WRITE_BUFFER_BYTES: usize = 262_144;

/// Thumbnails of one content that are kept. More are made again each time they are asked for.
const MAX_THUMBNAILS: usize = 24;

/// A file in `incoming/` to which nothing was written for so long has no upload any more.
const STALE_AFTER_MS: u64 = 24 * 3_600_000;

/// SHA-256 of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Hash(pub(crate) [u8; 32]);

impl Hash {
    /// In base64 for URLs.
    pub(crate) fn for_url(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The path below a folder: `ab/cd/<hash>`.
    fn path(&self) -> PathBuf {
        let name: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        Path::new(&name[..2]).join(&name[2..4]).join(&name)
    }
}

pub(crate) struct Disk {
    content: PathBuf,
    thumbnails: PathBuf,
    incoming: PathBuf,
}

/// A body that came in whole and is flushed, but has not got its place. Dropped, it is gone.
pub(crate) struct Received {
    incoming: Incoming,
    pub(crate) hash: Hash,
    pub(crate) size: u64,
}

impl Received {
    /// Its bytes, where it lies for now.
    pub(crate) fn open(&self) -> io::Result<std::fs::File> {
        std::fs::File::open(&self.incoming.0)
    }
}

impl Disk {
    pub(crate) async fn open(dir: PathBuf) -> io::Result<Self> {
        let disk = Self {
            content: dir.join("content"),
            thumbnails: dir.join("thumbnails"),
            incoming: dir.join("incoming"),
        };
        fs::create_dir_all(&disk.content).await?;
        fs::create_dir_all(&disk.thumbnails).await?;
        // Nothing comes in before the server is open, so what lies here is left over.
        match fs::remove_dir_all(&disk.incoming).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::create_dir_all(&disk.incoming).await?;
        Ok(disk)
    }

    /// Takes a body in. What is larger than `max_bytes` leaves nothing behind.
    pub(crate) async fn receive<E: std::fmt::Display>(
        &self,
        body: impl Stream<Item = Result<Bytes, E>>,
        max_bytes: u64,
    ) -> Result<Received, MediaError> {
        let incoming = self.new_incoming();
        let (hash, size) = write(&incoming.0, body, max_bytes).await?;
        Ok(Received {
            incoming,
            hash,
            size,
        })
    }

    /// Gives a body its place, unless the same content has it already.
    pub(crate) async fn place(&self, received: Received) -> io::Result<()> {
        let place = self.content.join(received.hash.path());
        if fs::try_exists(&place).await? {
            return Ok(());
        }
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).await?;
            fs::rename(&received.incoming.0, &place).await?;
            File::open(folder).await?.sync_all().await?;
        }
        Ok(())
    }

    pub(crate) async fn read(&self, hash: &Hash) -> io::Result<File> {
        File::open(self.content.join(hash.path())).await
    }

    /// A thumbnail that is kept. The name is made by this crate, never by a client.
    pub(crate) async fn read_thumbnail(&self, hash: &Hash, name: &str) -> io::Result<Option<File>> {
        absent_is_none(File::open(self.thumbnails.join(hash.path()).join(name)).await)
    }

    /// Keeps a thumbnail; false where its content has too many.
    pub(crate) async fn keep_thumbnail(
        &self,
        hash: &Hash,
        name: &str,
        bytes: &[u8],
    ) -> io::Result<bool> {
        let folder = self.thumbnails.join(hash.path());
        fs::create_dir_all(&folder).await?;
        let mut entries = fs::read_dir(&folder).await?;
        let mut kept = 0;
        while entries.next_entry().await?.is_some() {
            kept += 1;
        }
        if kept >= MAX_THUMBNAILS {
            return Ok(false);
        }
        let incoming = self.new_incoming();
        let mut file = File::create_new(&incoming.0).await?;
        file.write_all(bytes).await?;
        // An empty file after a power cut would be taken for the thumbnail.
        file.sync_all().await?;
        fs::rename(&incoming.0, folder.join(name)).await?;
        Ok(true)
    }

    /// Deletes a content and its thumbnails; that they are not there is well.
    pub(crate) async fn remove(&self, hash: &Hash) -> io::Result<()> {
        absent_is_none(fs::remove_file(self.content.join(hash.path())).await)?;
        absent_is_none(fs::remove_dir_all(self.thumbnails.join(hash.path())).await)?;
        Ok(())
    }

    /// Removes what broken-off uploads may have left: a file that was being made in the moment in
    /// which its upload was given up.
    pub(crate) async fn remove_stale_incoming(&self, now_ms: u64) -> io::Result<()> {
        let mut entries = fs::read_dir(&self.incoming).await?;
        while let Some(entry) = entries.next_entry().await? {
            let Some(metadata) = absent_is_none(entry.metadata().await)? else {
                continue;
            };
            let written = metadata.modified()?.duration_since(std::time::UNIX_EPOCH);
            let written_ms = written.map_or(0, |since| since.as_millis());
            if written_ms + u128::from(STALE_AFTER_MS) < u128::from(now_ms) {
                absent_is_none(fs::remove_file(entry.path()).await)?;
            }
        }
        Ok(())
    }

    fn new_incoming(&self) -> Incoming {
        Incoming(self.incoming.join(format!("{:032x}", random())))
    }
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

async fn write<E: std::fmt::Display>(
    path: &Path,
    body: impl Stream<Item = Result<Bytes, E>>,
    max_bytes: u64,
) -> Result<(Hash, u64), MediaError> {
    let file = File::create_new(path).await?;
    let mut file = BufWriter::with_capacity(WRITE_BUFFER_BYTES, file);
    let mut hasher = Sha256::new();
    let mut size = 0_u64;
    let mut body = pin!(body);
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| MediaError::BrokenOff(error.to_string()))?;
        size += chunk.len() as u64;
        if size > max_bytes {
            return Err(MediaError::TooLarge);
        }
        hasher.update(&chunk);
        file.write_all(&chunk).await?;
    }
    file.flush().await?;
    file.get_ref().sync_all().await?;
    Ok((Hash(hasher.finalize().into()), size))
}

/// A file in `incoming/`, removed when this goes unless it was moved to its place.
struct Incoming(PathBuf);

impl Drop for Incoming {
    fn drop(&mut self) {
        // Removing one small directory entry; where it was moved away, there is nothing to do.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn random() -> u128 {
    let mut bytes = [0_u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    u128::from_ne_bytes(bytes)
}

#[cfg(test)]
#[path = "disk_test.rs"]
mod disk_test;
