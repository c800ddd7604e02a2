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
    let first = disk.keep(body(&["a", "bc"]), 100).await.unwrap();
    let second = disk.keep(body(&["abc"]), 100).await.unwrap();
    assert_eq!((first.hash, first.size), (second.hash, second.size));
    assert_eq!(first.hash[..4], [0xba, 0x78, 0x16, 0xbf], "SHA-256 of abc");
    assert_eq!(files_below(dir.path()).len(), 1);
    let mut text = String::new();
    disk.read(&first.hash)
        .await
        .unwrap()
        .read_to_string(&mut text)
        .await
        .unwrap();
    assert_eq!(text, "abc");
}

#[tokio::test]
async fn what_is_too_large_or_breaks_off_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::open(dir.path().to_owned()).await.unwrap();
    let large = disk.keep(body(&["abc", "d"]), 3).await;
    assert!(matches!(large, Err(MediaError::TooLarge)));
    let broken = stream::iter([Ok(Bytes::from_static(b"abc")), Err("gone")]);
    assert!(matches!(
        disk.keep(broken, 100).await,
        Err(MediaError::BrokenOff(_))
    ));
    assert_eq!(files_below(dir.path()), Vec::<PathBuf>::new());
    assert!(
        disk.keep(body(&["abc"]), 3).await.is_ok(),
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
