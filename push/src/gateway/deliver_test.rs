use super::*;

#[test]
fn attempts_become_rarer_up_to_an_hour() {
    let seconds: Vec<u64> = [0, 1, 2, 5, 11, 12, 1_000]
        .map(|it| pause(it).as_secs())
        .into();
    assert_eq!(seconds, [1, 2, 4, 32, 2_048, 3_600, 3_600]);
    assert_eq!(pause(-1), FIRST_RETRY);
}
