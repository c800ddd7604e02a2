use std::convert::Infallible;

use futures::stream;
use tokio::io::AsyncReadExt as _;

use super::*;

fn body(chunks: &[&'static str]) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let chunks: Vec<_> = chunks
        .iter()
        .map(|chunk| Ok(Bytes::from_static(chunk.as_bytes())))
        .collect();
    stream::iter(chunks)
}

async fn keep<E: std::fmt::Display>(
    disk: &Disk,
    body: impl Stream<Item = Result<Bytes, E>>,
    max_bytes: u64,
) -> Result<(Hash, u64), MediaError> {
    let received = disk.receive(body, max_bytes).await?;
    let (hash, size) = (received.hash, received.size);
    disk.place(received).await?;
    Ok((hash, size))
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path))
        } else {
            files.push(path)
        }
    }
    files
}

#[tokio::test]
async fn content_lies_once_under_its_hash() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::open(dir.path().to_owned()).await.unwrap();
    let first = keep(&disk, body(&["a", "bc"]), 100).await.unwrap();
    let second = keep(&disk, body(&["abc"]), 100).await.unwrap();
    assert_eq!(first, second);
    let (hash, _) = first;
    assert_eq!(hash.0[..4], [0xba, 0x78, 0x16, 0xbf], "SHA-256 of abc");
    assert_eq!(files_below(dir.path()).len(), 1);
    let mut text = String::new();
    disk.read(&hash)
        .await
        .unwrap()
        .read_to_string(&mut text)
        .await
        .unwrap();
    assert_eq!(text, "abc");
    disk.remove(&hash).await.unwrap();
    disk.remove(&hash).await.unwrap();
    assert_eq!(files_below(dir.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_content_keeps_few_thumbnails_and_takes_them_along() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::open(dir.path().to_owned()).await.unwrap();
    let (hash, _) = keep(&disk, body(&["abc"]), 100).await.unwrap();
    for number in 0..MAX_THUMBNAILS {
        let name = format!("{number}.png");
        assert!(disk.keep_thumbnail(&hash, &name, b"x").await.unwrap());
    }
    assert!(!disk.keep_thumbnail(&hash, "one more", b"x").await.unwrap());
    assert!(disk.read_thumbnail(&hash, "0.png").await.unwrap().is_some());
    assert!(
        disk.read_thumbnail(&hash, "one more")
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(files_below(dir.path()).len(), MAX_THUMBNAILS + 1);
    disk.remove(&hash).await.unwrap();
    assert_eq!(files_below(dir.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn what_gets_no_place_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::open(dir.path().to_owned()).await.unwrap();
    let received = disk.receive(body(&["abc"]), 100).await.unwrap();
    assert_eq!(files_below(dir.path()).len(), 1);
    drop(received);
    assert_eq!(files_below(dir.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn what_is_too_large_or_breaks_off_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::open(dir.path().to_owned()).await.unwrap();
    let large = keep(&disk, body(&["abc", "d"]), 3).await;
    assert!(matches!(large, Err(MediaError::TooLarge)));
    let broken = stream::iter([Ok(Bytes::from_static(b"abc")), Err("gone")]);
    assert!(matches!(
        keep(&disk, broken, 100).await,
        Err(MediaError::BrokenOff(_))
    ));
    assert_eq!(files_below(dir.path()), Vec::<PathBuf>::new());
    assert!(
        keep(&disk, body(&["abc"]), 3).await.is_ok(),
        "exactly the limit is allowed"
    );
}

#[tokio::test]
async fn leftovers_are_swept_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("incoming")).unwrap();
    std::fs::write(dir.path().join("incoming/left"), "over").unwrap();
    Disk::open(dir.path().to_owned()).await.unwrap();
    assert_eq!(files_below(dir.path()), Vec::<PathBuf>::new());
}
