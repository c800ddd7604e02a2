use futures::stream;

use super::*;

type Chunk = Result<Bytes, String>;

/// The head of the second part and its content, of a body that comes in pieces of this size.
fn read(body: &[u8], piece: usize) -> Result<(HeaderMap, Vec<u8>), MixedError> {
    let pieces = body
        .chunks(piece)
        .map(|it| Chunk::Ok(Bytes::copy_from_slice(it)));
    let mut mixed = Mixed::new("gc0p4Jq0M2Yt08j34c0p", stream::iter(pieces));
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(async {
        mixed.next_part().await?;
        let head = mixed.next_part().await?;
        let mut content = Vec::new();
        while let Some(chunk) = mixed.next_chunk().await? {
            content.extend_from_slice(&chunk);
        }
        Ok((head, content))
    })
}

const BODY: &[u8] = b"--gc0p4Jq0M2Yt08j34c0p\r\nContent-Type: application/json\r\n\r\n{}\r\n\
--gc0p4Jq0M2Yt08j34c0p\r\nContent-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\n\
a\r\n--gc0p4\r\n\r\nb\r\n--gc0p4Jq0M2Yt08j34c0p--\r\n";

#[test]
fn a_file_is_read_however_it_is_cut() {
    for piece in 1..=BODY.len() {
        let (head, content) = read(BODY, piece).expect("a file");
        assert_eq!(head["content-type"], "text/plain");
        assert_eq!(head["content-disposition"], "attachment");
        assert_eq!(content, b"a\r\n--gc0p4\r\n\r\nb", "pieces of {piece}");
    }
}

#[test]
fn heads_may_be_empty_and_files_too() {
    let body = b"preamble\r\n--gc0p4Jq0M2Yt08j34c0p\r\n\r\n{}\r\n--gc0p4Jq0M2Yt08j34c0p \r\n\
\r\n\r\n--gc0p4Jq0M2Yt08j34c0p--";
    let (head, content) = read(body, 7).expect("a file");
    assert!(head.is_empty());
    assert!(content.is_empty());
}

#[test]
fn what_is_no_such_body_is_refused() {
    let cut = &BODY[..BODY.len() - 8];
    let one_part = b"--gc0p4Jq0M2Yt08j34c0p\r\n\r\n{}\r\n--gc0p4Jq0M2Yt08j34c0p--\r\n";
    let bad_head = b"--gc0p4Jq0M2Yt08j34c0p\r\nno colon\r\n\r\n{}";
    for body in [cut, one_part, bad_head, b"", b"nothing"] {
        let outcome = read(body, 10);
        assert!(matches!(outcome, Err(MixedError::Malformed(_))), "{body:?}");
    }
    let endless_head = [&b"--gc0p4Jq0M2Yt08j34c0p\r\nA: "[..], &[b'a'; 40_000]].concat();
    let outcome = read(&endless_head, 1_000);
    assert!(matches!(outcome, Err(MixedError::Malformed(_))));
    let endless_part = [&b"--gc0p4Jq0M2Yt08j34c0p\r\n\r\n"[..], &[b'a'; 100_000]].concat();
    let outcome = read(&endless_part, 1_000);
    assert!(matches!(outcome, Err(MixedError::Malformed(_))));
}

#[test]
fn boundaries_stand_in_the_content_type() {
    assert_eq!(boundary("multipart/mixed; boundary=abc"), Some("abc"));
    let quoted = "Multipart/Mixed; charset=x; Boundary=\"a b\"";
    assert_eq!(boundary(quoted), Some("a b"));
    for none in [
        "multipart/mixed",
        "multipart/mixed; boundary=",
        "text/plain; boundary=a",
    ] {
        assert_eq!(boundary(none), None);
    }
    let long = format!("multipart/mixed; boundary={}", "a".repeat(71));
    assert_eq!(boundary(&long), None);
}
