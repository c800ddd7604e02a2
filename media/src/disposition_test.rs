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
