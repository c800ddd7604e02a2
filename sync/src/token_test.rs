use causeway_store::Position;

use super::Token;

#[test]
fn tokens_come_back_as_they_went() {
    for token in [
        Token {
            position: Position(0),
            ephemeral: 0,
            to_device: None,
            counts: None,
        },
        Token {
            position: Position(i64::MAX),
            ephemeral: u64::MAX,
            to_device: Some(Position(7)),
            counts: None,
        },
        Token {
            position: Position(9),
            ephemeral: 8,
            to_device: Some(Position(7)),
            counts: Some(Position(6)),
        },
        Token {
            position: Position(9),
            ephemeral: 8,
            to_device: None,
            counts: Some(Position(6)),
        },
    ] {
        assert_eq!(token.to_string().parse(), Ok(token));
    }
}

#[test]
fn other_texts_are_refused() {
    for text in [
        "",
        "s",
        "s1",
        "s1_",
        "s_1",
        "1_1",
        "s1_1_",
        "s1_1_1_1",
        "s-1_1",
        "s+1_1",
        "s1_1 ",
        "s9223372036854775808_1",
        "t1_0",
        "s1_18446744073709551616",
        "sé_1",
        "s1_1_c",
        "s1_c1",
        "s1_1_1_1_c1",
        "s1_1_c1_1",
        "s1_1_c1_c1",
    ] {
        assert!(text.parse::<Token>().is_err(), "{text}");
    }
}
