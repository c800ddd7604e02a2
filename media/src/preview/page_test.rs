use super::*;

#[test]
fn what_a_page_says_is_found() {
    let page = read(
        r#"<!DOCTYPE html><html><head><title> A &amp; B
        </title><title>second</title>
        <META Property="OG:Title" Content="The &quot;title&quot;"><meta property=og:title content=no>
        <meta name="description" content="Described"><meta name=twitter:image content=/t.png>
        <meta property="og:image" content="/a.png"><meta property="fb:app" content="1">
        <base href="/deep/"><link rel="icon alternate" type="application/json+oembed" href="/o?a=1&amp;b=2">
        <script>var x = "<meta property='og:type' content='script'><p>no</p>";</script>
        <style>p { } <p>no</p></style></head>
        <body><nav><p>menu</p></nav><svg><title>icon</title></svg><h1>Head<br>line</h1>
        <p>First <b>words</b>.<p>Second.</p><p> </p>
        <img src=small.png width=10 height=900><img src=one.png width=60 height=60>
        <img src=two.png width=600 height=60><img src=none.png></body>"#,
    );
    assert_eq!(page.title.as_deref(), Some("A & B"));
    assert_eq!(page.graph["og:title"], "The \"title\"");
    assert_eq!(page.graph["og:image"], "/a.png");
    assert_eq!(page.graph.len(), 2, "{:?}", page.graph);
    assert_eq!(page.named["description"], "Described");
    assert_eq!(page.named["twitter:image"], "/t.png");
    assert_eq!(page.heading.as_deref(), Some("Head line"));
    assert_eq!(page.paragraphs.as_deref(), Some("First words.\n\nSecond."));
    assert_eq!(page.picture.as_deref(), Some("two.png"));
    assert_eq!(page.base.as_deref(), Some("/deep/"));
    assert_eq!(page.oembed.as_deref(), Some("/o?a=1&b=2"));
}

#[test]
fn hostile_pages_stay_small() {
    let many: String = (0..10_000)
        .map(|n| format!("<meta property='og:x{n}' content='{}'>", "y".repeat(20)))
        .collect();
    assert_eq!(read(&many).graph.len(), MAX_PROPERTIES);
    let long = format!("<meta property=og:title content='{}'>", "ä".repeat(100_000));
    assert!(read(&long).graph["og:title"].len() <= MAX_VALUE_BYTES);
    let words = format!("<p>{}", "ä ".repeat(1_000_000));
    assert!(read(&words).paragraphs.unwrap().len() <= MAX_TEXT_BYTES);
    let paragraphs = "<p>a".repeat(100_000);
    assert!(read(&paragraphs).paragraphs.unwrap().len() <= 2 * MAX_TEXT_BYTES);
    let nested = "<div>".repeat(500_000);
    assert!(read(&nested).title.is_none());
    assert!(read("<title>never closed").title.is_some());
    assert!(
        read("<script>never closed <title>x</title>")
            .title
            .is_none()
    );
}

#[test]
fn words_are_what_is_between_the_tags() {
    assert_eq!(words("<b>one</b><i>two &lt;</i>"), "one two <");
}
