use super::*;

#[test]
fn a_failing_server_is_one_line() {
    let line = DestinationLine {
        server: "b.test".to_owned(),
        failures: 3,
        failing_for: 7_200_000,
        next_try_in: 90_500,
        last_success_ago: Some(3 * 86_400_000),
        behind: Some(12),
        reason: "no\u{1b}[2J answer\nin time".to_owned(),
    };
    assert_eq!(
        text(&line),
        "b.test\tfailed 3 times in 2h\tis tried in 90s\tlacks things since 12 entries\t\
         took something 3d ago\tno[2J answerin time"
    );
}

#[test]
fn a_server_that_is_well_again_says_when() {
    let line = DestinationLine {
        server: "b.test".to_owned(),
        failures: 0,
        failing_for: 0,
        next_try_in: 0,
        last_success_ago: Some(180_000),
        behind: None,
        reason: String::new(),
    };
    assert_eq!(text(&line), "b.test\ttook something 3m ago");
}
