use super::glob;

#[test]
fn stars_and_question_marks() {
    for (pattern, text, fits) in [
        ("*", "", true),
        ("*", "a.b", true),
        ("*.example.org", "x.example.org", true),
        ("*.example.org", "example.org", false),
        ("ex?mple.org", "example.org", true),
        ("ex?mple.org", "exmple.org", false),
        ("*a*b", "xaxbxb", true),
        ("*a*b", "xaxbxc", false),
        ("", "", true),
        ("", "a", false),
    ] {
        assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
    }
    let (stars, long) = ("*a".repeat(2_000), "a".repeat(1_999));
    assert!(!glob(&stars, &long));
}
