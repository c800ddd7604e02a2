use super::*;

#[test]
fn each_kind_gives_what_it_has() {
    let read = |text: &str| read(text.as_bytes());
    let photo = read(r#"{"type":"photo","title":7,"url":"/p.png","thumbnail_url":"/t.png"}"#);
    let photo = photo.unwrap();
    assert_eq!(photo.title.as_deref(), Some("7"));
    assert_eq!(photo.picture.as_deref(), Some("/p.png"));
    let rich = read(r#"{"type":"rich","html":"<p>Some <b>words</b></p>","provider_name":"P"}"#);
    let rich = rich.unwrap();
    assert_eq!(rich.text.as_deref(), Some("Some words"));
    assert_eq!(rich.provider.as_deref(), Some("P"));
    let video = read(r#"{"type":"video","html":"<iframe>","thumbnail_url":"/t.png"}"#).unwrap();
    assert_eq!(
        (video.text, video.picture.as_deref()),
        (None, Some("/t.png"))
    );
    for bad in ["", "[]", "{}", r#"{"type":"other"}"#, r#"{"type":7}"#] {
        assert_eq!(read(bad), None, "{bad}");
    }
}
