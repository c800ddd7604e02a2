use super::*;

#[test]
fn a_token_is_read_as_it_was_written() {
    for group in ["", "!room:example.org", "!a_b_c", "@a_b:example.org"] {
        let token = SearchToken {
            rank_bits: 0.25_f32.to_bits(),
            place: RoomPlace {
                anchor: 17,
                offset: -3,
            },
            count: 12,
            group: group.to_owned(),
        };
        assert_eq!(token.to_string().parse::<SearchToken>().unwrap(), token);
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let nan = format!("q{}_1_0_1_", f32::NAN.to_bits());
    for text in [
        "",
        "q",
        "q1_2_3_4",
        "q1_2_3_4_x",
        "t1_2",
        "q-1_2_3_4_",
        "q1_2_3_-4_",
        "q1_99999999999999999999_3_4_",
        nan.as_str(),
    ] {
        assert!(text.parse::<SearchToken>().is_err(), "{text}");
    }
}
