use super::*;

fn part(from: u64, length: u64) -> Wanted {
    Wanted::Part { from, length }
}

#[test]
fn single_ranges_are_understood() {
    assert_eq!(wanted(Some("bytes=0-3"), 10), part(0, 4));
    assert_eq!(wanted(Some("bytes=4-"), 10), part(4, 6));
    assert_eq!(wanted(Some("bytes=-3"), 10), part(7, 3));
    assert_eq!(wanted(Some("bytes=-30"), 10), part(0, 10));
    assert_eq!(wanted(Some("bytes=8-99"), 10), part(8, 2));
}

#[test]
fn what_lies_behind_the_end_is_nothing() {
    assert_eq!(wanted(Some("bytes=10-"), 10), Wanted::Nothing);
    assert_eq!(wanted(Some("bytes=-0"), 10), Wanted::Nothing);
    assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Nothing);
}

#[test]
fn everything_else_is_the_whole() {
    for header in [
        "",
        "bytes=",
        "bytes=a-b",
        "bytes=5-2",
        "bytes=0-1,4-5",
        "lines=1-2",
        "bytes=--",
    ] {
        assert_eq!(wanted(Some(header), 10), Wanted::All, "{header}");
    }
    assert_eq!(wanted(None, 10), Wanted::All);
}
