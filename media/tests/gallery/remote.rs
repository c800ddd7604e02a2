//! Copies of other servers' files, and their end.

use std::time::Duration;

use causeway_media::{About, MediaError};
use ruma::{ServerName, server_name};

use crate::house::{Gallery, body, bytes_of, gallery};

/// As the gallery of tests keeps copies, in milliseconds.
const LIFETIME_MS: u64 = 1_000_000;

fn other() -> &'static ServerName {
    server_name!("other.example.org")
}

async fn keep(gallery: &Gallery, id: &str, text: &'static str) -> Result<(), MediaError> {
    let about = About::default();
    let kept = gallery.media.keep_copy((other(), id), about, body(text));
    kept.await
}

async fn has(gallery: &Gallery, id: &str) -> bool {
    match gallery.media.get(other(), id, Duration::ZERO).await {
        Ok(opened) => !bytes_of(opened).await.is_empty(),
        Err(MediaError::NotFound) => false,
        Err(error) => panic!("{error}"),
    }
}

async fn sweep(gallery: &Gallery) {
    while gallery.media.sweep().await.unwrap() {}
}

#[tokio::test]
async fn copies_take_no_more_than_they_may_and_the_oldest_go() {
    let gallery = gallery().await;
    for id in ["a", "b", "c"] {
        keep(&gallery, id, "fifteen letters").await.unwrap();
        gallery.clock.advance_ms(LIFETIME_MS / 4);
    }
    // Forty bytes are allowed, and a was asked for last.
    assert!(has(&gallery, "a").await);
    sweep(&gallery).await;
    assert!(has(&gallery, "a").await);
    assert!(!has(&gallery, "b").await, "the one nobody asked for");
    assert!(has(&gallery, "c").await);
    // What is counted is what is there.
    sweep(&gallery).await;
    assert!(has(&gallery, "a").await && has(&gallery, "c").await);
    keep(&gallery, "b", "ten letter").await.unwrap();
    sweep(&gallery).await;
    assert!(has(&gallery, "a").await && has(&gallery, "b").await && has(&gallery, "c").await);
}

#[tokio::test]
async fn copies_go_when_nobody_asks_for_them() {
    let gallery = gallery().await;
    keep(&gallery, "asked", "one").await.unwrap();
    keep(&gallery, "forgotten", "two").await.unwrap();
    gallery.clock.advance_ms(LIFETIME_MS / 2);
    assert!(has(&gallery, "asked").await);
    gallery.clock.advance_ms(LIFETIME_MS / 2 + 1);
    sweep(&gallery).await;
    assert!(has(&gallery, "asked").await);
    assert!(!has(&gallery, "forgotten").await);
}

#[tokio::test]
async fn copies_are_of_others_have_a_size_and_come_once() {
    let gallery = gallery().await;
    let large = keep(&gallery, "large", "seventeen letters").await;
    assert!(matches!(large, Err(MediaError::TooLarge)));
    assert!(!has(&gallery, "large").await);
    let ours = (server_name!("example.org"), "ours");
    let kept = gallery
        .media
        .keep_copy(ours, About::default(), body("x"))
        .await;
    assert!(matches!(kept, Err(MediaError::NotFound)));
    keep(&gallery, "twice", "first").await.unwrap();
    keep(&gallery, "twice", "second").await.unwrap();
    let opened = gallery.media.get(other(), "twice", Duration::ZERO).await;
    assert_eq!(bytes_of(opened.unwrap()).await, b"first");
}
