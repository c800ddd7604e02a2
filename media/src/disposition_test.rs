use super::*;

#[test]
fn only_harmless_types_are_shown_in_place() {
    assert_eq!(content_disposition("image/png", None), "inline");
    assert_eq!(
        content_disposition("Text/Plain; charset=utf-8", None),
        "inline"
    );
    assert_eq!(content_disposition("text/html", None), "attachment");
    assert_eq!(content_disposition("image/svg+xml", None), "attachment");
    assert_eq!(content_disposition("", None), "attachment");
}

#[test]
fn names_are_written_so_that_they_cannot_break_out() {
    let of = |name| content_disposition("image/png", Some(name));
    assert_eq!(of("cat.png"), "inline; filename=cat.png");
    assert_eq!(of("my cat.png"), "inline; filename=\"my cat.png\"");
    assert_eq!(of("a\"b\\c"), "inline; filename=\"a\\\"b\\\\c\"");
    assert_eq!(of("ä.png"), "inline; filename*=utf-8''%C3%A4.png");
    assert_eq!(of("a\r\nb"), "inline; filename*=utf-8''a%0D%0Ab");
}

#[test]
fn names_are_read_as_they_are_written() {
    for name in ["cat.png", "my cat.png", "a\"b\\c", "ä.png", "a; b=c.txt"] {
        let written = content_disposition("image/png", Some(name));
        let read = file_name(&written);
        let last = name.rsplit('\\').next();
        assert_eq!(read.as_deref(), last, "{written}");
    }
    let of = |text: &str| file_name(text);
    assert_eq!(of("inline"), None);
    assert_eq!(of("attachment; filename=\"\""), None);
    assert_eq!(of("attachment; FileName=x"), Some("x".to_owned()));
    let both = "attachment; filename=plain; filename*=UTF-8'en'%C3%A4";
    assert_eq!(of(both), Some("ä".to_owned()));
    let broken = "attachment; filename=plain; filename*=UTF-8''%C3%";
    assert_eq!(of(broken), Some("plain".to_owned()));
    assert_eq!(
        of("attachment; filename=\"../../etc/x\""),
        Some("x".to_owned())
    );
}
