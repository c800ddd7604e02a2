//! Files on the local disk. Content lies at `content/ab/cd/<hash>`, an upload in progress in
//! `incoming/`.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use rand::Rng as _;
use sha2::{Digest as _, Sha256};
use tokio::fs::{self, File};
use tokio::io::{AsyncWriteExt as _, BufWriter};

use crate::MediaError;

/// Bytes that are gathered before they are written.
const WRITE_BUFFER_BYTES: usize = 262_144;

pub(crate) struct Disk {
    content: PathBuf,
    incoming: PathBuf,
}

/// Content that lies on the disk now.
pub(crate) struct Kept {
    pub(crate) hash: [u8; 32],
    pub(crate) size: u64,
}

impl Disk {
    pub(crate) async fn open(dir: PathBuf) -> io::Result<Self> {
        let disk = Self {
            content: dir.join("content"),
            incoming: dir.join("incoming"),
        };
        fs::create_dir_all(&disk.content).await?;
        // Nothing comes in before the server is open, so what lies here is left over.
        match fs::remove_dir_all(&disk.incoming).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::create_dir_all(&disk.incoming).await?;
        Ok(disk)
    }

    /// Writes a body to its place. What is larger than `max_bytes` leaves nothing behind.
    pub(crate) async fn keep<E: std::fmt::Display>(
        &self,
        body: impl Stream<Item = Result<Bytes, E>>,
        max_bytes: u64,
    ) -> Result<Kept, MediaError> {
        let incoming = Incoming(self.incoming.join(format!("{:032x}", random())));
        let kept = write(&incoming.0, body, max_bytes).await?;
        let place = self.place(&kept.hash);
        if fs::try_exists(&place).await? {
            return Ok(kept);
        }
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).await?;
            fs::rename(&incoming.0, &place).await?;
            File::open(folder).await?.sync_all().await?;
        }
        Ok(kept)
    }

    pub(crate) async fn read(&self, hash: &[u8; 32]) -> io::Result<File> {
        File::open(self.place(hash)).await
    }

    fn place(&self, hash: &[u8; 32]) -> PathBuf {
        let name: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        self.content.join(&name[..2]).join(&name[2..4]).join(&name)
    }
}

async fn write<E: std::fmt::Display>(
    path: &Path,
    body: impl Stream<Item = Result<Bytes, E>>,
    max_bytes: u64,
) -> Result<Kept, MediaError> {
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
    Ok(Kept {
        hash: hasher.finalize().into(),
        size,
    })
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
