use super::*;

#[test]
fn letters_are_found() {
    let latin = b"gr\xfc\xdfe".as_slice();
    assert_eq!(decode(latin, "text/html; charset=iso-8859-1"), "grüße");
    assert_eq!(decode("grüße".as_bytes(), "text/html"), "grüße");
    assert_eq!(
        decode(latin, "text/html"),
        "grüße",
        "no UTF-8, so the old default"
    );
    assert_eq!(decode(b"\xef\xbb\xbfa", "text/html; charset=koi8-r"), "a");
    assert_eq!(decode(b"\xff\xfea\0", "text/html"), "a");
    let meta = b"<meta charset='koi8-r'>\xd7".as_slice();
    assert!(decode(meta, "text/html").ends_with('в'));
    let old = b"<meta http-equiv=content-type content=\"text/html; charset=Shift_JIS\">\x82\xa0";
    assert!(decode(old, "text/html").ends_with('あ'));
    let xml = b"<?xml version='1.0' encoding='windows-1251'?>\xe0".as_slice();
    assert!(decode(xml, "application/xhtml+xml").ends_with('а'));
    assert_eq!(decode("ä".as_bytes().split_at(1).0, ""), "\u{fffd}");
    assert_eq!(
        decode(b"<meta charset=utf-16>a", ""),
        "<meta charset=utf-16>a"
    );
    assert_eq!(
        decode(b"<p charset>\xfc", "text/html; charset=nonsense"),
        "<p charset>ü"
    );
}
