use proptest::prelude::*;

use super::*;

fn size(text: &str) -> ThumbnailSize {
    ThumbnailSize::parse(text).unwrap()
}

fn configured() -> Vec<ThumbnailSize> {
    [
        "32x32 crop",
        "96x96 crop",
        "320x240 scale",
        "640x480 scale",
        "800x600 scale",
    ]
    .map(size)
    .to_vec()
}

#[test]
fn a_request_gets_the_next_larger_size() {
    for (asked, given) in [
        ("1x1 crop", "32x32 crop"),
        ("32x32 crop", "32x32 crop"),
        ("33x33 crop", "96x96 crop"),
        ("97x97 crop", "192x192 crop"),
        ("60x40 crop", "60x40 crop"),
        ("1x1 scale", "320x240 scale"),
        ("320x241 scale", "640x480 scale"),
        ("800x600 scale", "800x600 scale"),
        ("801x10 scale", "1600x1200 scale"),
        ("1600x1201 scale", "3200x2400 scale"),
    ] {
        assert_eq!(choose(&configured(), size(asked)), size(given), "{asked}");
    }
    let asked = size("50x60 scale");
    assert_eq!(choose(&[], asked), asked);
    let beyond = ThumbnailSize {
        width: u32::MAX,
        ..asked
    };
    assert!(choose(&configured(), beyond).width > MAX_SIDE);
}

#[test]
fn pictures_fit_as_the_specification_says() {
    let target = |part, size| Some(Target { part, size });
    for (picture, asked, expected) in [
        (
            (1000, 500),
            "320x240 scale",
            target((1000, 500), (320, 160)),
        ),
        (
            (500, 1000),
            "320x240 scale",
            target((500, 1000), (120, 240)),
        ),
        ((320, 240), "320x240 scale", None),
        ((100, 100), "320x240 scale", None),
        (
            (100, 10_000),
            "320x240 scale",
            target((100, 10_000), (2, 240)),
        ),
        ((10_000, 1), "32x32 scale", target((10_000, 1), (32, 1))),
        ((1000, 500), "96x96 crop", target((500, 500), (96, 96))),
        ((500, 1000), "60x40 crop", target((500, 333), (60, 40))),
        ((200, 50), "96x96 crop", target((96, 50), (96, 50))),
        ((50, 200), "96x96 crop", target((50, 96), (50, 96))),
        ((32, 32), "32x32 crop", None),
    ] {
        assert_eq!(
            fit(picture, size(asked)),
            expected,
            "{picture:?} in {asked}"
        );
    }
}

#[test]
fn sizes_are_read_strictly() {
    for text in [
        "",
        "32x32",
        "32 crop",
        "0x32 crop",
        "32x32 stretch",
        "5000x1 scale",
        "ax1 crop",
    ] {
        assert_eq!(ThumbnailSize::parse(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn nothing_grows_and_nothing_is_empty(
        width in 1_u32..20_000, height in 1_u32..20_000,
        box_width in 1_u32..5_000, box_height in 1_u32..5_000, crop: bool,
    ) {
        let method = if crop { Method::Crop } else { Method::Scale };
        let size = ThumbnailSize { width: box_width, height: box_height, method };
        match fit((width, height), size) {
            None => prop_assert!(width <= box_width && height <= box_height),
            Some(Target { part, size: made }) => {
                prop_assert!(made.0 >= 1 && made.1 >= 1 && part.0 >= 1 && part.1 >= 1);
                prop_assert!(made.0 <= box_width && made.1 <= box_height);
                prop_assert!(part.0 <= width && part.1 <= height);
                prop_assert!(made.0 <= part.0 && made.1 <= part.1);
                if crop && width >= box_width && height >= box_height {
                    prop_assert_eq!(made, (box_width, box_height));
                }
            }
        }
    }
}
