//! The gallery on a real database and disk.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use causeway_media::{About, MAX_RESERVED, Media, MediaError, MediaSettings, RESERVED_LIFETIME_MS};
use causeway_store::{Clock, DatabaseSettings, Store};
use causeway_testkit::TestDatabase;
use futures::{Stream, stream};
use ruma::{MxcUri, ServerName, server_name, user_id};
use tokio::io::AsyncReadExt as _;

struct Gallery {
    media: Media,
    clock: Clock,
    _database: TestDatabase,
    _dir: tempfile::TempDir,
}

async fn gallery() -> Gallery {
    let database = TestDatabase::create().await;
    let settings = DatabaseSettings::from_url(&database.url(), 4).unwrap();
    let store = Store::connect(&settings).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(1_700_000_000_000);
    let settings = MediaSettings {
        server_name: server_name!("example.org").to_owned(),
        dir: dir.path().to_owned(),
        max_upload_bytes: 16,
    };
    let media = Media::open(store, clock.clone(), settings).await.unwrap();
    Gallery {
        media,
        clock,
        _database: database,
        _dir: dir,
    }
}

fn body(text: &'static str) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::iter([Ok(Bytes::from_static(text.as_bytes()))])
}

fn parts(uri: &MxcUri) -> (&ServerName, &str) {
    uri.parts().unwrap()
}

async fn read(gallery: &Gallery, uri: &MxcUri) -> Result<(String, About), MediaError> {
    let (origin, id) = parts(uri);
    let mut opened = gallery.media.get(origin, id, Duration::ZERO).await?;
    let mut text = String::new();
    opened.file.read_to_string(&mut text).await.unwrap();
    assert_eq!(opened.size, text.len() as u64);
    Ok((text, opened.about))
}

#[tokio::test]
async fn what_is_uploaded_comes_back_with_its_description() {
    let gallery = gallery().await;
    let alice = user_id!("@alice:example.org");
    let about = About {
        content_type: Some("text/plain".to_owned()),
        file_name: Some("täg.txt".to_owned()),
    };
    let first = gallery
        .media
        .upload(alice, about, body("hello"))
        .await
        .unwrap();
    let evil = About {
        content_type: Some("text/plain\r\nX: y".to_owned()),
        file_name: Some("x".repeat(256)),
    };
    let second = gallery
        .media
        .upload(alice, evil, body("hello"))
        .await
        .unwrap();
    assert_ne!(first, second);
    let (text, about) = read(&gallery, &first).await.unwrap();
    assert_eq!(
        (text.as_str(), about.file_name.as_deref()),
        ("hello", Some("täg.txt"))
    );
    let (_, about) = read(&gallery, &second).await.unwrap();
    assert_eq!(
        (about.content_type, about.file_name),
        (None, None),
        "dropped, not cut"
    );
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let gallery = gallery().await;
    for origin in [server_name!("example.org"), server_name!("other.org")] {
        for id in ["none", "..", "a/b", "a\0b", &"x".repeat(300)] {
            let refused = gallery.media.get(origin, id, Duration::ZERO).await;
            assert!(
                matches!(refused, Err(MediaError::NotFound)),
                "{origin} {id:?}"
            );
        }
    }
    let large = body("seventeen bytes..");
    let refused = gallery
        .media
        .upload(user_id!("@alice:example.org"), About::default(), large)
        .await;
    assert!(matches!(refused, Err(MediaError::TooLarge)));
}

#[tokio::test]
async fn a_reserved_address_is_filled_once_by_its_holder() {
    let gallery = gallery().await;
    let (alice, bob) = (user_id!("@alice:example.org"), user_id!("@bob:example.org"));
    let (uri, _) = gallery.media.reserve(alice).await.unwrap();
    assert!(matches!(
        read(&gallery, &uri).await,
        Err(MediaError::NotYetUploaded)
    ));
    let fill = |who, text| {
        gallery
            .media
            .upload_reserved(who, parts(&uri), About::default(), body(text))
    };
    assert!(matches!(
        fill(bob, "bob's").await,
        Err(MediaError::Forbidden)
    ));
    fill(alice, "alice's").await.unwrap();
    assert!(matches!(
        fill(alice, "again").await,
        Err(MediaError::AlreadyUploaded)
    ));
    assert_eq!(read(&gallery, &uri).await.unwrap().0, "alice's");
    let (late, _) = gallery.media.reserve(alice).await.unwrap();
    gallery.clock.advance_ms(RESERVED_LIFETIME_MS);
    assert!(matches!(
        read(&gallery, &late).await,
        Err(MediaError::NotFound)
    ));
}

#[tokio::test]
async fn a_download_waits_for_what_was_announced() {
    let gallery = gallery().await;
    let alice = user_id!("@alice:example.org");
    let (uri, _) = gallery.media.reserve(alice).await.unwrap();
    let (origin, id) = parts(&uri);
    let get = gallery.media.get(origin, id, Duration::from_secs(20));
    let upload = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let about = About::default();
        gallery
            .media
            .upload_reserved(alice, (origin, id), about, body("at last"))
            .await
    };
    let (got, uploaded) = tokio::join!(get, upload);
    uploaded.unwrap();
    assert_eq!(got.unwrap().size, 7);
}

#[tokio::test]
async fn a_user_holds_only_so_many_empty_addresses() {
    let gallery = gallery().await;
    let alice = user_id!("@alice:example.org");
    for _ in 0..MAX_RESERVED {
        gallery.media.reserve(alice).await.unwrap();
    }
    assert!(matches!(
        gallery.media.reserve(alice).await,
        Err(MediaError::TooManyReserved)
    ));
    assert!(
        gallery
            .media
            .reserve(user_id!("@bob:example.org"))
            .await
            .is_ok()
    );
}
