//! Uploads, reserved addresses, quotas, and the end of what nothing names.

use std::path::{Path, PathBuf};
use std::time::Duration;

use causeway_media::{About, GRACE_MS, MAX_RESERVED, MediaError, RESERVED_LIFETIME_MS};
use ruma::{MxcUri, ServerName, UserId, server_name, user_id};

use crate::house::{Gallery, body, bytes_of, gallery, gallery_with};

fn parts(uri: &MxcUri) -> (&ServerName, &str) {
    uri.parts().unwrap()
}

async fn read(gallery: &Gallery, uri: &MxcUri) -> Result<(String, About), MediaError> {
    let (origin, id) = parts(uri);
    let opened = gallery.media.get(origin, id, Duration::ZERO).await?;
    let (size, about) = (opened.size, opened.about.clone());
    let text = String::from_utf8(bytes_of(opened).await).unwrap();
    assert_eq!(size, text.len() as u64);
    Ok((text, about))
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

fn contents(gallery: &Gallery) -> Vec<PathBuf> {
    fn below(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                below(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    below(gallery.dir.path(), &mut found);
    found
}

#[tokio::test]
async fn the_same_content_lies_there_once() {
    let gallery = gallery().await;
    for user in [user_id!("@alice:example.org"), user_id!("@bob:example.org")] {
        for _ in 0..2 {
            let about = About::default();
            gallery
                .media
                .upload(user, about, body("the same"))
                .await
                .unwrap();
        }
    }
    assert_eq!(contents(&gallery).len(), 1);
    gallery.clock.advance_ms(2 * GRACE_MS);
    assert!(!gallery.media.sweep().await.unwrap());
    assert_eq!(contents(&gallery).len(), 1, "what is named stays");
}

#[tokio::test]
async fn a_quota_counts_all_files_of_a_user() {
    let gallery =
        gallery_with(|settings| settings.user_quota = Some(crate::house::quota(20))).await;
    let alice = user_id!("@alice:example.org");
    let upload = async |user: &UserId, text: &'static str| {
        gallery
            .media
            .upload(user, About::default(), body(text))
            .await
    };
    upload(alice, "ten bytes.").await.unwrap();
    upload(alice, "nine byte").await.unwrap();
    assert!(gallery.media.check_announced(alice, 1).await.is_ok());
    for refused in [
        gallery.media.check_announced(alice, 2).await.err(),
        upload(alice, "ab").await.err(),
    ] {
        let Some(MediaError::OverQuota(quota)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(quota.info_url, "https://example.org/quota");
    }
    upload(alice, "c").await.unwrap();
    assert!(matches!(
        upload(alice, "d").await,
        Err(MediaError::OverQuota(_))
    ));
    upload(user_id!("@bob:example.org"), "bob has his own")
        .await
        .unwrap();
    // What was refused is deleted, what is named is not.
    assert_eq!(contents(&gallery).len(), 6);
    gallery.clock.advance_ms(GRACE_MS);
    assert!(!gallery.media.sweep().await.unwrap());
    assert_eq!(contents(&gallery).len(), 4);
}

#[tokio::test]
async fn a_reserved_address_counts_when_it_is_filled() {
    let gallery = gallery_with(|settings| settings.user_quota = Some(crate::house::quota(5))).await;
    let alice = user_id!("@alice:example.org");
    let (uri, _) = gallery.media.reserve(alice).await.unwrap();
    let fill = |text| {
        let about = About::default();
        gallery
            .media
            .upload_reserved(alice, parts(&uri), about, body(text))
    };
    assert!(matches!(
        fill("six by").await,
        Err(MediaError::OverQuota(_))
    ));
    fill("five.").await.unwrap();
    assert!(matches!(fill("").await, Err(MediaError::AlreadyUploaded)));
}
